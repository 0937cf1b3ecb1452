import { describe, expect, it } from '@jest/globals';
import { webhookUrlFault } from '../../src/domain/webhookUrl.ts';

describe('the address of an endpoint', () => {
  it.each([
    'https://hooks.example.com',
    'https://hooks.example.com:8443/arcadia?key=1',
    'https://bücher.example/',
  ])('may be %s', (url) => {
    expect(webhookUrlFault(url, false)).toBeNull();
  });

  it.each([
    'hooks.example.com',
    'http://hooks.example.com',
    'ftp://hooks.example.com',
    'file:///etc/passwd',
    'https://user:secret@hooks.example.com',
    'https://hooks.example.com/#part',
    'https://8.8.8.8/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[2606:4700::1]/',
    'https://localhost/',
    'https://LOCALHOST:4005/',
    'http://127.0.0.1:4005/',
    'https://１２７.0.0.1/',
  ])('is not %s', (url) => {
    expect(webhookUrlFault(url, false)).not.toBeNull();
  });

  it('may be this very machine, also by http, where that is allowed, and no other address', () => {
    expect(webhookUrlFault('http://127.0.0.1:1234/hook', true)).toBeNull();
    expect(webhookUrlFault('http://localhost:1234/hook', true)).toBeNull();
    expect(webhookUrlFault('http://[::1]:1234/hook', true)).toBeNull();
    expect(webhookUrlFault('http://10.0.0.1/', true)).not.toBeNull();
    expect(webhookUrlFault('https://10.0.0.1/', true)).not.toBeNull();
    expect(webhookUrlFault('ftp://127.0.0.1/', true)).not.toBeNull();
    expect(webhookUrlFault('http://hooks.example.com/', true)).not.toBeNull();
  });
});
