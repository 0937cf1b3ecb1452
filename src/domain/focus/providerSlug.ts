/** Issuers that sign by more than one name; whatever the country of the subsidiary, the account is with one provider. */
const knownIssuers: readonly (readonly [name: RegExp, slug: string])[] = [
  [/^(?:aws|amazon web services|amazon\.com)\b/i, 'aws'],
  [/^(?:microsoft|azure)\b/i, 'microsoft'],
  [/^(?:google|gcp)\b/i, 'google'],
  [/^(?:oracle|oci)\b/i, 'oracle'],
  [/^alibaba\b/i, 'alibaba'],
  [/^digital ?ocean\b/i, 'digitalocean'],
];

/**
 * The provider, in our words, that an invoice issuer is: part of ids and keys. An issuer that we don't know is its own name in
 * lower case with hyphens.
 */
export function providerSlug(issuer: string): string {
  const name = issuer.trim();
  const known = knownIssuers.find(([pattern]) => pattern.test(name));
  if (known !== undefined) return known[1];
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'unnamed' : slug;
}
