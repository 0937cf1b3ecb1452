import { ProviderError } from '../providerErrors.ts';

const apiHost = /^api\.digitalocean\.com$/;
const spacesHost = /^[a-z0-9]+\.digitaloceanspaces\.com$/;
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** The API's base address. @throws ProviderError `provider_address_refused` for any host that isn't on the list */
export function allowedApiAddress(text: string, allowLoopback: boolean): string {
  return allowedAddress(text, apiHost, 'https://api.digitalocean.com', allowLoopback);
}

/** One region's address of Spaces. @throws ProviderError `provider_address_refused` */
export function allowedSpacesAddress(text: string, allowLoopback: boolean): string {
  return allowedAddress(text, spacesHost, 'https://<region>.digitaloceanspaces.com', allowLoopback);
}

/**
 * The token goes to whatever host stands here, so only the provider's own hosts are accepted; plain http on this machine
 * (a simulator) only where that is allowed on purpose.
 */
function allowedAddress(text: string, host: RegExp, allowed: string, allowLoopback: boolean): string {
  const url = URL.parse(text);
  const isProvider = url?.protocol === 'https:' && host.test(url.hostname) && url.port === '';
  const isLoopback = allowLoopback && url?.protocol === 'http:' && loopbackHost.test(url.hostname);
  const isBare = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (url === null || !isBare || !(isProvider || isLoopback)) {
    throw new ProviderError(
      'provider_address_refused',
      `a DigitalOcean address must be ${allowed}${allowLoopback ? ' or http on this machine' : ''}`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
