export { discoverInvoices } from './discoverInvoices.ts';
export { ingestInvoice } from './ingestInvoice.ts';
export { launch } from './launch.ts';
export { snapshotBalance } from './snapshotBalance.ts';
export { syncInventory } from './syncInventory.ts';
