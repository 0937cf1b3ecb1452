import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createRouter } from '../../src/api/app.ts';
import { buildOpenApiDocument } from '../../src/api/openapi.ts';
import { createLog } from '../../src/logging.ts';
import { startLlmUsageWriter } from '../../src/services/llmUsageWriter.ts';
import { type ApiUnderTest, startApi } from './apiUnderTest.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi({ environment: { CORS_ORIGINS: 'https://console.example.com' } });
});
afterAll(() => api.close());

const documentShape = z.object({
  openapi: z.string(),
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ responses: z.record(z.string(), z.unknown()) })),
  ),
});
const document = documentShape.parse(buildOpenApiDocument());

describe('the OpenAPI document', () => {
  it('is of version 3.1 and is committed as it is made: `npm run openapi` writes it', () => {
    const committed: unknown = JSON.parse(
      readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
    );
    expect(document.openapi).toBe('3.1.0');
    expect(JSON.parse(JSON.stringify(buildOpenApiDocument()))).toEqual(committed);
  });

  it('is served as it is committed', async () => {
    const answer = await api.call('/api/openapi.json');
    expect(answer.json).toEqual(JSON.parse(JSON.stringify(buildOpenApiDocument())));
  });

  it('has the routes of the router, no more and no fewer', () => {
    const router = createRouter(
      {
        orm: api.orm,
        temporal: () => Promise.reject(new Error('not asked')),
        config: api.config,
        log: createLog('silent'),
        clock: () => new Date(),
        llmUsage: startLlmUsageWriter(api.orm),
      },
      (_ctx, next) => next(),
    );
    const served = router.stack.flatMap((layer) =>
      layer.methods
        .filter((method) => method !== 'HEAD')
        .map((method) => `${method} ${String(layer.path).replaceAll(/:(\w+)/g, '{$1}')}`),
    );
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(served.sort()).toEqual(described.sort());
    expect(served.length).toBeGreaterThan(20);
  });

  it('says for each route under /api/v1 what a missing token and a missing right answer', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      if (!path.startsWith('/api/v1/')) continue;
      for (const { responses } of Object.values(methods)) {
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '422', '429']));
      }
    }
  });
});

describe('the docs page', () => {
  it('refers to nothing but our own origin, and all that it refers to is there', async () => {
    const page = await api.call('/api/docs');
    expect(page.headers.get('content-type')).toContain('text/html');
    const references = [...page.text.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] ?? '');
    expect(references).toHaveLength(4);
    for (const reference of references) {
      expect(reference).toMatch(/^\/api\/docs\/[a-z0-9.-]+$/);
      const asset = await api.call(reference);
      expect([asset.status, asset.text.length > 100]).toEqual([200, true]);
    }
    const initializer = await api.call('/api/docs/initializer.js');
    for (const text of [page.text, initializer.text]) expect(text).not.toMatch(/https?:|\/\/[a-z]/);
    expect(initializer.text).toContain("url: '/api/openapi.json'");
    expect(page.text).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|style=/);
  });

  it('is bound to our own origin by its policy', async () => {
    const policy = (await api.call('/api/docs')).headers.get('content-security-policy') ?? '';
    expect(policy.split(';').sort()).toEqual([
      "base-uri 'none'",
      "default-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "object-src 'none'",
    ]);
  });
});

describe('another origin', () => {
  it('is allowed only where it is configured', async () => {
    const ask = async (origin: string) =>
      (await api.call('/api/health', { headers: { origin } })).headers.get('access-control-allow-origin');
    expect(await ask('https://console.example.com')).toBe('https://console.example.com');
    expect(await ask('https://evil.example.com')).toBeNull();
    const closed = await startApi({});
    const answer = await closed.call('/api/health', { headers: { origin: 'https://console.example.com' } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    await closed.close();
  });
});
