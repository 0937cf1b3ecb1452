import { BlockList, isIPv4 } from 'node:net';

/** Whose IPv4 addresses are nobody's on the internet: IANA's special-purpose registry, and multicast and what is reserved. */
const specialIpv4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local, and where clouds answer with an instance's own credentials.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Azure's own services, at an address that looks like any other.
  ['168.63.129.16', 32],
];
/** Of IPv6, only this is routed at all, but for the parts of it that stand for something else: tunnels and documentation. */
const globalIpv6: readonly [string, number] = ['2000::', 3];
const specialIpv6: readonly (readonly [network: string, prefix: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const blockedIpv4 = blockList('ipv4', specialIpv4);
const routedIpv6 = blockList('ipv6', [globalIpv6]);
const blockedIpv6 = blockList('ipv6', specialIpv6);
const loopback = blockList('ipv4', [['127.0.0.0', 8]]);
loopback.addAddress('::1', 'ipv6');

function blockList(family: 'ipv4' | 'ipv6', networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, family);
  return list;
}

/** Whether an IP address is a public one: not private, loopback, link-local, multicast, reserved, a tunnel to any of them, or a cloud's own. */
export function isPublicAddress(address: string): boolean {
  return isIPv4(address)
    ? !blockedIpv4.check(address, 'ipv4')
    : routedIpv6.check(address, 'ipv6') && !blockedIpv6.check(address, 'ipv6');
}

/** Whether an IP address is this very machine. */
export const isLoopbackAddress = (address: string): boolean =>
  loopback.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
