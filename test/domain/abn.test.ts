import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatAbn, isAbn } from '../../src/domain/abn.ts';

describe('isAbn', () => {
  it.each(['51 824 753 556', '51824753556', '53 004 085 616', '53004085616'])('takes %s', (text) => {
    expect(isAbn(text)).toBe(true);
  });

  it.each([
    '',
    '51 824 753 557',
    '5182475355',
    '518247535561',
    '00 000 000 000',
    '51-824-753-556',
    'ABN 51824753556',
    '５１８２４７５３５５６',
  ])('refuses %j', (text) => {
    expect(isAbn(text)).toBe(false);
  });

  it('notices every single wrong digit', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 }), fc.nat({ max: 9 }), (place, digit) => {
        const abn = '51824753556';
        fc.pre(abn[place] !== String(digit));
        expect(isAbn(`${abn.slice(0, place)}${digit}${abn.slice(place + 1)}`)).toBe(false);
      }),
    );
  });
});

describe('formatAbn', () => {
  it('sets an ABN in groups, and leaves any other text as it is', () => {
    expect(formatAbn('51824753556')).toBe('51 824 753 556');
    expect(formatAbn('51 824753556')).toBe('51 824 753 556');
    expect(formatAbn('NZ 9429')).toBe('NZ 9429');
  });
});
