import type { CentralBank } from './centralBank.ts';
import { ecb } from './ecb.ts';
import { rba } from './rba.ts';

/** Every central bank whose published file is understood, by name. */
export const centralBanks: Readonly<Record<CentralBank['name'], CentralBank>> = { ecb, rba };
