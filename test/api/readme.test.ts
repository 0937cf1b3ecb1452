import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { routes } from '../../src/api/routes.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const section = readme.slice(readme.indexOf('\n## The API'), readme.indexOf('\n## Running it for real'));
const table = section.slice(section.indexOf('\n|'));

/** What the table names; a method stands for the paths after it too, until the next one. */
function namedRoutes(): string[] {
  let method = '';
  return [...table.matchAll(/`(?:(GET|POST|PUT|PATCH|DELETE) )?(\/[^`\s]+)`/g)].map(([, verb, path = '']) => {
    method = verb ?? method;
    return `${method} ${path.startsWith('/api/') ? path : `/api/v1${path}`}`;
  });
}

describe("the README's table of routes", () => {
  it('names every route once, and none that is not there', () => {
    const served = routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(namedRoutes().toSorted()).toEqual(served.toSorted());
  });
});
