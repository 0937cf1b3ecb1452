import { isIPv4 } from 'node:net';
import { ProviderError } from '../providerErrors.ts';

/**
 * What may stand in a path, by what it names. Dots alone or slashes would lead to another path; whatever isn't an id of that kind is
 * refused before anybody is asked.
 */
const forms = {
  id: { fits: matching(/^[A-Za-z0-9-]{1,64}$/), allowed: '1 to 64 letters, digits and hyphens' },
  number: { fits: matching(/^[1-9]\d{0,14}$/), allowed: 'a whole number of at most 15 digits' },
  address: { fits: isIPv4, allowed: 'an IPv4 address' },
  domain: {
    fits: matching(/^(?=.{1,253}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+$/),
    allowed: 'a domain name such as example.com',
  },
  tag: {
    fits: matching(/^[A-Za-z0-9_:-]{1,255}$/),
    allowed: '1 to 255 letters, digits, colons, hyphens and underscores',
  },
} as const;

function matching(pattern: RegExp): (text: string) => boolean {
  return (text) => pattern.test(text);
}

/** @throws ProviderError `provider_rejected` for what can't be asked for */
export function segment(form: keyof typeof forms, what: string, text: string): string {
  const { fits, allowed } = forms[form];
  if (fits(text)) return text;
  throw new ProviderError(
    'provider_rejected',
    `${what} can't be "${text.slice(0, 80)}": allowed is ${allowed}`,
    {
      context: { what },
    },
  );
}

/** A number that the provider uses as an id. @throws ProviderError `provider_rejected` */
export function numericId(what: string, text: string): number {
  return Number(segment('number', what, text));
}
