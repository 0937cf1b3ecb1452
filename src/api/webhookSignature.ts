import { bodyParser } from '@koa/bodyparser';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import type { ApiConfig } from '../config.ts';
import { Problem } from './problems.ts';
import { largestBody } from './requestBody.ts';
import type { ApiContext, ApiMiddleware } from './requestState.ts';

/** Who may sign its requests instead of sending a token. It is also the role that a good signature speaks as. */
export type WebhookSource = 'gateway' | 'finance';

const secretsOf: Readonly<Record<WebhookSource, (config: ApiConfig) => readonly string[]>> = {
  gateway: (config) => config.GATEWAY_WEBHOOK_SECRET,
  finance: (config) => config.FINANCE_WEBHOOK_SECRET,
};

/** What the library lets through: dots, with which bytes could move between the id and the body. */
const saneId = /^[A-Za-z0-9_-]{1,128}$/;
/** And digits followed by anything, of which it reads the digits. */
const saneTimestamp = /^[1-9]\d{0,11}$/;

/**
 * Checks a Standard Webhooks 1.0 signature of a request that brings one and no `Authorization`, and makes its source the caller.
 * Everything else goes on to the token. The body is read as text, verified as it came, and parsed after that.
 * @throws Problem 401 that says which part does not hold, 400 for a body that is not JSON in UTF-8
 */
export function verifySignature(source: WebhookSource, config: ApiConfig): ApiMiddleware {
  const webhooks = secretsOf[source](config).map((secret) => new Webhook(secret));
  return async (ctx, next) => {
    if (ctx.get('authorization') !== '' || ctx.get('webhook-signature') === '') return next();
    if (webhooks.length === 0) throw badSignature('signatures are not accepted here, use a bearer token');
    checkHeaders(ctx);
    await readText(ctx, async () => undefined);
    const text = ctx.request.rawBody ?? '';
    // What was not UTF-8 has become this character: other bytes than those that were signed could stand there.
    if (text.includes('\uFFFD')) throw notJson();
    checkSignature(ctx, webhooks, text);
    ctx.request.body = parseJson(text);
    ctx.state.caller = { role: source, tenantId: '', subject: `webhook:${source}` };
    return next();
  };
}

function checkHeaders(ctx: ApiContext): void {
  if (!saneId.test(ctx.get('webhook-id'))) {
    throw badSignature('webhook-id must be 1 to 128 letters, digits, underscores or hyphens');
  }
  if (!saneTimestamp.test(ctx.get('webhook-timestamp'))) {
    throw badSignature('webhook-timestamp must be whole seconds since 1970, in digits');
  }
}

/** The library compares in constant time, and refuses a timestamp that is more than 300 seconds off. */
function checkSignature(ctx: ApiContext, webhooks: readonly Webhook[], text: string): void {
  const headers = {
    'webhook-id': ctx.get('webhook-id'),
    'webhook-timestamp': ctx.get('webhook-timestamp'),
    'webhook-signature': ctx.get('webhook-signature'),
  };
  const verdicts = webhooks.map((webhook) => {
    try {
      webhook.verify(text, headers, { jsonParse: false });
      return 'good';
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      return error.message.includes('timestamp') ? 'untimely' : 'other';
    }
  });
  if (verdicts.includes('good')) return;
  throw badSignature(
    verdicts.includes('untimely')
      ? 'webhook-timestamp is more than 300 seconds from our clock'
      : 'no signature in webhook-signature fits the id, the timestamp and the body',
  );
}

const readText: ApiMiddleware = bodyParser({
  enableTypes: ['text'],
  extendTypes: { text: ['application/json'] },
  textLimit: largestBody,
});

function parseJson(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notJson();
  }
  if (typeof value !== 'object' || value === null) throw notJson();
  return value;
}

const notJson = () => new Problem(400, 'malformed_body', 'the body is not a JSON object in UTF-8');
const badSignature = (detail: string) =>
  new Problem(401, 'invalid_signature', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
