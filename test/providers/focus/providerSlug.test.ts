import { describe, expect, it } from '@jest/globals';
import { providerSlug } from '../../../src/domain/focus/providerSlug.ts';

describe('providerSlug', () => {
  it.each([
    ['Amazon Web Services, Inc.', 'aws'],
    ['Amazon Web Services EMEA SARL', 'aws'],
    ['AWS', 'aws'],
    ['Microsoft', 'microsoft'],
    ['Oracle', 'oracle'],
    ['Google Cloud EMEA Limited', 'google'],
    ['DigitalOcean LLC', 'digitalocean'],
    ['Example Cloud (Pty) Ltd.', 'example-cloud-pty-ltd'],
    ['Société Générale', 'socie-te-ge-ne-rale'],
    ['!!!', 'unnamed'],
  ])('makes %s the provider %s', (issuer, slug) => {
    expect(providerSlug(issuer)).toBe(slug);
  });

  it('does not take a name that only starts alike for a known issuer', () => {
    expect(providerSlug('Awsome Hosting')).toBe('awsome-hosting');
  });
});
