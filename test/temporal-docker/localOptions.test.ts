import { describe, expect, it } from '@jest/globals';
import { readLocalOptions } from '../../temporal-docker/localOptions.ts';

describe('readLocalOptions', () => {
  it('keeps clear of the ports of npm start by default', () => {
    expect(readLocalOptions([])).toEqual({ port: 7243, uiPort: 8243, postgresPort: 5533, once: false });
  });

  it('takes each port, and --once under both of its names', () => {
    const ports = ['--port', '9000', '--ui-port=9100', '--pg-port', '9200'];
    const expected = { port: 9000, uiPort: 9100, postgresPort: 9200, once: true };
    expect(readLocalOptions([...ports, '--once'])).toEqual(expected);
    expect(readLocalOptions([...ports, '--journey'])).toEqual(expected);
  });

  it('answers nothing where the usage is asked for', () => {
    expect(readLocalOptions(['--help'])).toBeUndefined();
  });

  it.each([
    [['--port', 'abc'], '--port is "abc"'],
    [['--port', '80'], 'from 1024 to 65527'],
    [['--port', '65530'], 'from 1024 to 65527'],
    [['--pg-port', '1e4'], '--pg-port is "1e4"'],
    [['--ui-port', '65536'], 'from 1024 to 65535'],
    [['--ui-port', ''], '--ui-port is ""'],
    [['--port', '7300', '--ui-port', '7308'], "among the server's own ports 7300 to 7308"],
    [['--ui-port', '6000', '--pg-port', '6000'], 'they must differ'],
    [['--verbose'], '--verbose'],
    [['up'], 'up'],
  ])('refuses %j and says why', (args, message) => {
    expect(() => readLocalOptions(args)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(message) }),
    );
  });

  it('allows the port right after the last of the server', () => {
    expect(readLocalOptions(['--port', '7300', '--ui-port', '7309'])?.uiPort).toBe(7309);
  });
});
