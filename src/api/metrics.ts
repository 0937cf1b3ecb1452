import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  /** A request came in. */
  startRequest(): void;
  /** It was answered. */
  endRequest(method: string, route: string, status: number, seconds: number): void;
}

/** Request durations by route and status, requests in flight, and what Node says of the process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const durations = new Histogram({
    name: 'arcadia_http_request_duration_seconds',
    help: 'Duration of HTTP requests in seconds, by route pattern and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const inFlight = new Gauge({
    name: 'arcadia_http_requests_in_flight',
    help: 'HTTP requests that came in and are not answered yet.',
    registers: [registry],
  });
  return {
    registry,
    startRequest: () => inFlight.inc(),
    endRequest(method, route, status, seconds) {
      inFlight.dec();
      durations.observe({ method, route, status: String(status) }, seconds);
    },
  };
}

/** Serves `/metrics` and nothing else; it gets a port of its own, which is not for the public. */
export function createMetricsServer(metrics: Metrics): Server {
  return createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}
