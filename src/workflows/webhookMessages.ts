/** Message of the workflow that sends webhooks to an endpoint. */
export const webhookMessages = {
  /** Something more waits for the endpoint. */
  deliveriesWaitSignal: 'deliveriesWait',
} as const;
