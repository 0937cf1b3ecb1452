import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { Client } from '@temporalio/client';
import jsonwebtoken from 'jsonwebtoken';
import { createApp } from '../../src/api/app.ts';
import type { CallerRole } from '../../src/api/requestState.ts';
import { type ApiConfig, readApiConfig } from '../../src/config.ts';
import { createLog } from '../../src/logging.ts';
import { startOrm } from '../../src/orm.ts';
import type { ListPriceOf } from '../../src/services/provisioning/previewProvisioning.ts';
import { testEncryptionKeys } from '../support/encryption.ts';

export const secret = 'a secret of this test run alone, which has more than 64 bytes of text in it';

/** Settings without which no PDF file is made. */
export const testIssuer = {
  INVOICE_ISSUER_NAME: 'Arcadia Cloud Pty Ltd',
  INVOICE_ISSUER_ABN: '51824753556',
  INVOICE_ISSUER_ADDRESS: '1 George Street\\nSydney NSW 2000',
  INVOICE_ISSUER_EMAIL: 'billing@arcadia.example',
};

/** A port on which nothing listens: what needs it fails at once. */
export const deadDatabase = 'postgres://nobody:nothing@127.0.0.1:1/nowhere';

export interface ApiUnderTest {
  readonly address: string;
  readonly orm: MikroORM;
  readonly config: ApiConfig;
  /** Sends a request with a token for the role, or with none. */
  call(path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}
export interface CallOptions {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body read as JSON; an empty object where it is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** The real app on a free port. Without a database URL every query fails, without Temporal every call to it. */
export async function startApi(options: {
  readonly databaseUrl?: string;
  readonly temporal?: () => Promise<Client> | Client;
  readonly environment?: Readonly<Record<string, string>>;
  readonly clock?: () => Date;
  readonly listPrice?: ListPriceOf;
}): Promise<ApiUnderTest> {
  const databaseUrl = options.databaseUrl ?? deadDatabase;
  const config = readApiConfig({
    DATABASE_URL: databaseUrl,
    JWT_SECRET: secret,
    LOG_LEVEL: 'silent',
    RATE_LIMIT_PER_MINUTE: '1000000',
    ENCRYPTION_KEYS: testEncryptionKeys,
    ...options.environment,
  });
  const orm = await startOrm({ url: databaseUrl, poolSize: 10 });
  const app = createApp({
    orm,
    config,
    log: createLog(config.LOG_LEVEL),
    temporal: options.temporal ?? (() => Promise.reject(new Error('no Temporal server in this test'))),
    listPrice: options.listPrice,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const { port } = server.address() as AddressInfo;
  const address = `http://127.0.0.1:${port}`;
  return {
    address,
    orm,
    config,
    call: (path, request) => send(`${address}${path}`, request ?? {}),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await orm.close(true);
    },
  };
}

async function send(url: string, options: CallOptions): Promise<Answer> {
  const hasBody = options.body !== undefined;
  const response = await fetch(url, {
    method: options.method ?? 'GET',
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...options.headers,
    },
    ...(hasBody
      ? { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }
      : {}),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: toJson(text) };
}

function toJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** A token as the issuer makes it, with what the test changes. */
export function tokenFor(role: CallerRole, claims: Readonly<Record<string, unknown>> = {}): string {
  return jsonwebtoken.sign(
    {
      sub: `test-${role}`,
      typ: 'access',
      role,
      ...(role === 'tenant' ? { tenant_id: 'tenant-a' } : {}),
      ...claims,
    },
    secret,
    { algorithm: 'HS512', expiresIn: '1h' },
  );
}

/** The rows of a page. */
export function itemsOf(answer: Answer): readonly Readonly<Record<string, unknown>>[] {
  const { items } = answer.json;
  if (!Array.isArray(items)) throw new Error(`not a page: ${answer.text.slice(0, 300)}`);
  return items;
}
