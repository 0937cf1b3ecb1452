import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { ArcadiaError } from '../domain/errors.ts';
import type { Provider } from '../providers/provider.ts';
import { forSession, systemSession } from '../session.ts';

/** What activities work with; the worker builds it once. */
export interface ActivityDependencies {
  readonly orm: MikroORM;
  /** The ORM's own connections, for COPY. */
  readonly pool: Pool;
  readonly providers: ReadonlyMap<string, Provider>;
}

/** A fresh EntityManager for one attempt of one activity. */
export function systemEntityManager(dependencies: ActivityDependencies): EntityManager {
  return forSession(dependencies.orm, systemSession);
}

/** @throws ArcadiaError `unknown_provider`, which no retry mends */
export function providerNamed(dependencies: ActivityDependencies, name: string): Provider {
  const provider = dependencies.providers.get(name);
  if (provider === undefined) {
    throw new ArcadiaError(
      'unknown_provider',
      `no provider "${name}" is configured; there is ${[...dependencies.providers.keys()].join(', ') || 'none'}`,
    );
  }
  return provider;
}
