import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CentralBankError } from '../../../src/integrations/centralBanks/centralBank.ts';
import { downloadRates } from '../../../src/integrations/centralBanks/download.ts';
import { centralBanks } from '../../../src/integrations/centralBanks/index.ts';

const { ecb, rba } = centralBanks;
const sample = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const shown = (rates: ReturnType<typeof ecb.parse>) =>
  rates.map((rate) => `${rate.effectiveFrom} ${rate.fromCurrency}→${rate.toCurrency} ${rate.rate}`);

describe('the rates of the ECB', () => {
  it('are what one euro is worth, digit for digit, from the daily file', () => {
    expect(shown(ecb.parse(sample('eurofxref.csv')))).toEqual([
      '2026-09-26 EUR→USD 1.1234',
      '2026-09-26 EUR→JPY 165.12',
      '2026-09-26 EUR→GBP 0.85120',
      '2026-09-26 EUR→AUD 1.6789',
    ]);
  });

  it('are of every day of the historical file, and none where it states none', () => {
    expect(shown(ecb.parse(sample('eurofxref-hist.csv')))).toEqual([
      '2026-09-25 EUR→USD 1.1200',
      '2026-09-25 EUR→JPY 165.00',
      '2026-09-25 EUR→AUD 1.6700',
      '2026-09-24 EUR→USD 1.1190',
      '2026-09-24 EUR→JPY 164.50',
      '2026-09-24 EUR→AUD 1.6650',
    ]);
  });

  it('come from the data API in the same form', () => {
    expect(shown(ecb.parse(sample('ecb-api.csv')))).toEqual([
      '2026-09-25 EUR→AUD 1.6700',
      '2022-12-30 EUR→HRK 7.5365',
      '2026-09-25 EUR→USD 1.1200',
    ]);
  });
});

describe('the rates of the RBA', () => {
  it('are what one Australian dollar is worth; no index, no SDR, no empty cell', () => {
    expect(shown(rba.parse(sample('f11.1-data.csv')))).toEqual([
      '2026-09-24 AUD→USD 0.6650',
      '2026-09-24 AUD→EUR 0.5940',
      '2026-09-25 AUD→USD 0.6670',
      '2026-09-28 AUD→EUR 0.5960',
    ]);
  });
});

describe('what is no file of rates', () => {
  const header = 'KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,TIME_PERIOD,OBS_VALUE';
  it.each([
    ['ecb', '', 'its first column is ""'],
    ['ecb', '<!DOCTYPE html><p>away', 'its first column is "<!DOCTYPE html><p>away"'],
    ['ecb', 'Date,USD\n31 September 2026,1.1', 'the date of row 1 is no day of the calendar: 2026-09-31'],
    ['ecb', 'Date,USD\n09/26/2026,1.1', 'the date of row 1 is "09/26/2026"'],
    ['ecb', 'Date,USD\n2026-09-26,-1.1', 'USD of 2026-09-26 is "-1.1"'],
    ['ecb', 'Date,USD\n2026-09-26,0.00', 'USD of 2026-09-26 is "0.00"'],
    ['ecb', 'Date,dollars\n2026-09-26,1', 'the column "dollars" is no currency'],
    ['ecb', 'KEY,FREQ\nx,D', 'it has no column CURRENCY'],
    ['ecb', `${header}\nx,M,USD,EUR,SP00,2026-09,1.1`, 'row 1 is no daily reference rate'],
    ['ecb', `${header}\nx,D,USD,GBP,SP00,2026-09-25,1.1`, 'row 1 is no daily reference rate'],
    ['rba', 'Date,USD\n2026-09-26,1', 'it has no row Title or no row Series ID'],
    ['rba', 'Title,Index\nSeries ID,X\n24-Sep-2026,1', 'no column is titled like A$1=USD'],
    ['rba', 'Title,A$1=USD\nSeries ID,X\nNotes,1', 'row 1 below Series ID begins with "Notes"'],
    ['rba', 'Title,A$1=USD\nSeries ID,X\n24-Sep-2026,n.a.', 'USD of 2026-09-24 is "n.a."'],
    ['rba', 'Title,"A$1=USD', 'Quote Not Closed'],
  ] as const)('is refused by %s: %j', (bank, text, what) => {
    expect(() => centralBanks[bank].parse(text)).toThrow(
      expect.objectContaining({ code: 'rates_unreadable', message: expect.stringContaining(what) }),
    );
  });

  it('is refused in words, whatever it is', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((rest) => `Date,USD\n${rest}`),
      fc.string({ unit: 'binary' }).map((rest) => `Title,A$1=USD\nSeries ID,X\n${rest}`),
    );
    fc.assert(
      fc.property(fc.constantFrom(ecb, rba), text, (bank, written) => {
        try {
          for (const { rate } of bank.parse(written)) expect(Number(rate)).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(CentralBankError);
        }
      }),
    );
  });
});

describe('a download of rates', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function refused(listener: RequestListener, limits: { timeoutMs?: number; mostBytes?: number } = {}) {
    const origin = await serve(listener);
    return downloadRates(`${origin}/rates.csv`, { origins: [origin], ...limits }).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  it('is the text of the file', async () => {
    const origin = await serve((_, response) => response.end(sample('f11.1-data.csv')));
    expect(await downloadRates(origin, { origins: [origin] })).toBe(sample('f11.1-data.csv'));
  });

  it.each([
    [500, 'rates_unavailable', true],
    [429, 'rates_unavailable', true],
    [403, 'rates_refused', false],
    [302, 'rates_refused', false],
  ])('fails on an answer with %i as %s', async (status, code, retryable) => {
    const error = await refused((_, response) =>
      response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end('elsewhere'),
    );
    expect(error).toMatchObject({ code, retryable, context: { status } });
  });

  it('fails where the bank is away, says nothing, or breaks off', async () => {
    const unavailable = { code: 'rates_unavailable', retryable: true };
    const breaksOff: RequestListener = (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('Date', () => response.destroy());
    };
    expect(await refused(() => undefined, { timeoutMs: 50 })).toMatchObject(unavailable);
    expect(await refused(breaksOff)).toMatchObject(unavailable);
    await expect(
      downloadRates('http://127.0.0.1:9/', { origins: ['http://127.0.0.1:9'] }),
    ).rejects.toMatchObject(unavailable);
  });

  it('reads no more than it may', async () => {
    expect(
      await refused((_, response) => response.end('x'.repeat(2_000)), { mostBytes: 1_000 }),
    ).toMatchObject({ code: 'rates_too_large', retryable: false });
  });

  it.each([
    'http://www.rba.gov.au/x',
    'https://www.rba.gov.au.evil.example/x',
    'https://a:b@www.rba.gov.au/x',
  ])('asks nobody but the central banks, not %s', async (address) => {
    await expect(downloadRates(address)).rejects.toMatchObject({ code: 'rates_refused' });
  });

  it('may ask for the addresses of both banks', () => {
    expect([ecb, rba].map(({ address }) => new URL(address).origin)).toEqual([
      'https://data-api.ecb.europa.eu',
      'https://www.rba.gov.au',
    ]);
  });
});
