import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyParser } from '@koa/bodyparser';
import { Router } from '@koa/router';
import Koa from 'koa';
import type { Account } from './account.ts';
import { addControlRoutes } from './control.ts';
import { faultMiddleware } from './faultMiddleware.ts';
import { Faults } from './faults.ts';
import { goldenAccount } from './goldenAccount.ts';
import {
  answerProblems,
  countQuota,
  delayAnswers,
  logRequests,
  requireToken,
  settleBefore,
} from './middleware.ts';
import { Problem } from './problem.ts';
import { RequestLog } from './requestLog.ts';
import { addActionRoutes } from './routes/actions.ts';
import { addBillingRoutes } from './routes/billing.ts';
import { addDomainRoutes } from './routes/domains.ts';
import { addDropletRoutes } from './routes/droplets.ts';
import { addFirewallRoutes } from './routes/firewalls.ts';
import { addLoadBalancerRoutes } from './routes/loadBalancers.ts';
import { addMetricRoutes } from './routes/metrics.ts';
import { addPlatformRoutes } from './routes/platform.ts';
import { addProjectRoutes } from './routes/projects.ts';
import { addResourceRoutes } from './routes/resources.ts';
import { addSpacesRoutes } from './routes/spaces.ts';
import { addTagRoutes } from './routes/tags.ts';
import { addVolumeRoutes } from './routes/volumes.ts';
import type { RequestState, SimulatorState } from './state.ts';

export interface SimulatorOptions {
  /** 0 (the default) takes any free port. */
  readonly port?: number;
  /** Loopback unless given. */
  readonly host?: string;
  readonly token?: string;
  /** The access key that the S3 listing of Spaces accepts; any secret goes with it. */
  readonly spacesKey?: string;
  /** The golden account unless given. */
  readonly account?: Account;
  /** Whether `/_control` is served; true unless given. */
  readonly control?: boolean;
  /** How long an action stays `in-progress`; 300 unless given. */
  readonly actionMilliseconds?: number;
  /** Added to every answer; 0 unless given. */
  readonly delayMilliseconds?: number;
}

export interface Simulator {
  /** Base address without a trailing slash, such as `http://127.0.0.1:4010`. */
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly spacesKey: string;
  /** `${spacesUrl}/<region>` is the S3 endpoint of a region, path-style. */
  readonly spacesUrl: string;
  readonly state: SimulatorState;
  readonly faults: Faults;
  /** Stops listening and cuts open connections, stalled ones too. */
  close(): Promise<void>;
}

/** Starts a stateful DigitalOcean on this machine. Rejects where the port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const state: SimulatorState = {
    account: options.account ?? goldenAccount(),
    actions: [],
    transitions: [],
    faults: new Faults(),
    requests: new RequestLog(),
    settings: {
      actionMilliseconds: options.actionMilliseconds ?? 300,
      delayMilliseconds: options.delayMilliseconds ?? 0,
      metricLagSeconds: 0,
    },
    token: options.token ?? 'simulator-token',
    spacesKey: options.spacesKey ?? 'simulator-spaces-key',
    nextId: 500_000_000,
  };
  const app = createApp(state, options.control ?? true);
  const host = options.host ?? '127.0.0.1';
  const server = createServer(app.callback()).listen(options.port ?? 0, host);
  await once(server, 'listening');
  const port = portOf(server.address());
  const url = `http://${host}:${port}`;
  return {
    url,
    port,
    token: state.token,
    spacesKey: state.spacesKey,
    spacesUrl: `${url}/s3`,
    state,
    faults: state.faults,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function createApp(state: SimulatorState, hasControl: boolean): Koa<RequestState> {
  const app = new Koa<RequestState>();
  app.use(logRequests(state));
  app.use(answerProblems);
  app.use(bodyParser({ parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'], onError: refuseBody }));
  if (hasControl) {
    const control = new Router<RequestState>();
    addControlRoutes(control, state);
    app.use(control.routes());
  }
  app.use(delayAnswers(state));
  app.use(countQuota());
  app.use(faultMiddleware(state.faults));

  const spaces = new Router<RequestState>();
  addSpacesRoutes(spaces, state);
  app.use(spaces.routes());

  app.use(requireToken(state));
  app.use(settleBefore(state));
  const api = new Router<RequestState>();
  addBillingRoutes(api, state);
  addProjectRoutes(api, state);
  addDropletRoutes(api, state);
  addActionRoutes(api, state);
  addVolumeRoutes(api, state);
  addLoadBalancerRoutes(api, state);
  addDomainRoutes(api, state);
  addFirewallRoutes(api, state);
  addResourceRoutes(api, state);
  addTagRoutes(api, state);
  addPlatformRoutes(api, state);
  addMetricRoutes(api, state);
  app.use(api.routes());
  return app;
}

function refuseBody(): never {
  throw new Problem(400, 'bad_request', 'The request body is not valid JSON.');
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new TypeError('the simulator has no TCP port');
  return address.port;
}
