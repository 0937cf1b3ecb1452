import { inflateSync } from 'node:zlib';

/**
 * The text of a PDF file as our printer writes it, page by page: glyphs of embedded fonts, turned back by the tables that the file
 * carries so that readers can copy from it.
 */
export function textOfPdf(file: Buffer): string[] {
  const source = file.toString('latin1');
  const objects = new Map<string, { dictionary: string; stream: string }>();
  for (const match of source.matchAll(/(\d+) 0 obj\s([\s\S]*?)\bendobj/g)) {
    const [, number = '', body = ''] = match;
    const start = body.indexOf('stream\n');
    const dictionary = start < 0 ? body : body.slice(0, start);
    objects.set(number, {
      dictionary,
      stream: start < 0 ? '' : inflate(body.slice(start + 'stream\n'.length), dictionary),
    });
  }
  const fonts = new Map<string, ReadonlyMap<string, string>>();
  for (const [number, { dictionary }] of objects) {
    const table = /\/ToUnicode (\d+) 0 R/.exec(dictionary)?.[1];
    if (table !== undefined) fonts.set(number, readTable(objects.get(table)?.stream ?? ''));
  }
  return [...objects.values()]
    .filter(({ dictionary }) => /\/Type \/Page\b(?!s)/.test(dictionary))
    .map(({ dictionary }) => {
      const resources = objects.get(/\/Resources (\d+) 0 R/.exec(dictionary)?.[1] ?? '')?.dictionary ?? '';
      const contents = objects.get(/\/Contents (\d+) 0 R/.exec(dictionary)?.[1] ?? '')?.stream ?? '';
      const fontOf = new Map(
        [...resources.matchAll(/\/(F\d+) (\d+) 0 R/g)].map(([, name = '', number = '']) => [
          name,
          fonts.get(number),
        ]),
      );
      return readContents(contents, fontOf);
    });
}

function inflate(body: string, dictionary: string): string {
  if (!dictionary.includes('/FlateDecode')) return body;
  const length = Number(/\/Length (\d+)/.exec(dictionary)?.[1] ?? 0);
  return inflateSync(Buffer.from(body.slice(0, length), 'latin1')).toString('latin1');
}

/** Glyph to character. */
function readTable(cmap: string): ReadonlyMap<string, string> {
  const table = new Map<string, string>();
  for (const [, first = '0', list = ''] of cmap.matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/g)) {
    for (const [index, [, code = '']] of [...list.matchAll(/<([0-9a-f ]+)>/g)].entries()) {
      const glyph = (Number.parseInt(first, 16) + index).toString(16).padStart(4, '0');
      const units = code.replaceAll(' ', '').match(/.{4}/g) ?? [];
      table.set(glyph, String.fromCharCode(...units.map((unit) => Number.parseInt(unit, 16))));
    }
  }
  return table;
}

function readContents(
  contents: string,
  fontOf: ReadonlyMap<string, ReadonlyMap<string, string> | undefined>,
): string {
  let table: ReadonlyMap<string, string> | undefined;
  let text = '';
  for (const [, font, shown] of contents.matchAll(/\/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ/g)) {
    if (font !== undefined) table = fontOf.get(font);
    for (const [, glyphs = ''] of (shown ?? '').matchAll(/<([0-9a-f]+)>/g)) {
      for (const glyph of glyphs.match(/.{4}/g) ?? []) text += table?.get(glyph) ?? '?';
    }
    if (shown !== undefined && !text.endsWith(' ')) text += ' ';
  }
  return text.replaceAll(/\s+/g, ' ').trim();
}
