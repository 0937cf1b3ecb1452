/** A host that is an address, as URL writes it: IPv4 always with dots, whatever was typed; IPv6 in brackets. */
const address = /^(?:\[.*\]|\d+\.\d+\.\d+\.\d+)$/;
const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * Why webhooks are not sent to an address, null where they are: https alone, to a name, without credentials. What the name stands for is
 * looked at with each delivery.
 * @param allowLoopback whether this very machine may be one, also by http; for tries on it
 */
export function webhookUrlFault(text: string, allowLoopback: boolean): string | null {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return 'expected an address like https://hooks.example.com/arcadia';
  if (url.username !== '' || url.password !== '') return 'must not have a user or password in it';
  if (url.hash !== '') return 'must not have a fragment';
  const isLoopback = loopback.test(url.hostname);
  if (isLoopback && allowLoopback) {
    return ['http:', 'https:'].includes(url.protocol) ? null : 'expected http or https';
  }
  if (url.protocol !== 'https:') return 'expected https';
  if (isLoopback || address.test(url.hostname)) return 'expected the name of a public host, not an address';
  return null;
}
