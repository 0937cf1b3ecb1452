import { readFileSync } from 'node:fs';
import type { BillingHistoryEntry, Droplet } from './account.ts';

interface GoldenDroplet {
  readonly id: number;
  readonly name: string;
  readonly status: Droplet['status'];
  readonly size_slug: string;
  readonly region: string;
  readonly image: string;
  readonly created_at: string;
  readonly tags: readonly string[];
  readonly project: string;
}

interface GoldenInventory {
  readonly droplets: readonly GoldenDroplet[];
  readonly projects: readonly string[];
}

const folder = new URL('../golden/digitalocean/', import.meta.url);

/** The 240 entries of the account's billing history, newest first. */
export function readGoldenHistory(): BillingHistoryEntry[] {
  const file: { billing_history: BillingHistoryEntry[] } = JSON.parse(read('billing_history.json'));
  return file.billing_history;
}

/** Droplets and project names, in the short form of the golden data. */
export function readGoldenInventory(): GoldenInventory {
  return JSON.parse(read('inventory.json'));
}

/** The April 2026 invoice as the provider exported it. */
export function readGoldenAprilCsv(): string {
  return read('invoice-2026-04.csv');
}

function read(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8');
}
