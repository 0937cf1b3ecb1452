import type { Spec } from '../drift/liveValues.ts';

interface Wish {
  /** `arcadia:<deployment id>:<key>`: the same each time that the same item of a deployment is wanted. */
  readonly tag: string;
  readonly name: string;
}

export interface WantedDroplet extends Wish {
  readonly kind: 'droplet';
  readonly region: string;
  readonly sizeSlug: string;
  readonly image: string;
  readonly tags: readonly string[];
  readonly vpcUuid?: string;
  readonly backups: boolean;
  readonly monitoring: boolean;
  readonly sshKeys: readonly string[];
  /** Of volumes that are items themselves: empty until `resolveItem`. */
  readonly volumeIds: readonly string[];
}

export interface WantedVolume extends Wish {
  readonly kind: 'volume';
  readonly region: string;
  readonly sizeGigabytes: number;
  readonly filesystemType: 'ext4' | 'xfs';
  readonly tags: readonly string[];
}

export interface WantedLoadBalancer extends Wish {
  readonly kind: 'load_balancer';
  readonly region: string;
  readonly sizeUnit: number;
  readonly forwardingRules: readonly {
    readonly entryProtocol: 'http';
    readonly entryPort: number;
    readonly targetProtocol: 'http';
    readonly targetPort: number;
  }[];
  readonly healthCheck: { readonly protocol: 'http'; readonly port: number; readonly path: string };
  /** Of droplets that are items themselves: empty until `resolveItem`. */
  readonly dropletIds: readonly string[];
  readonly vpcUuid?: string;
}

export interface WantedDomainRecord extends Wish {
  readonly kind: 'domain_record';
  readonly domain: string;
  readonly type: 'A';
  /** An address of another item: empty until `resolveItem`. */
  readonly data: string;
  /** Seconds. */
  readonly ttl: number;
}

/** One thing to create, in the words of the provider's `create`; plain JSON. */
export type WantedResource = WantedDroplet | WantedVolume | WantedLoadBalancer | WantedDomainRecord;

/** A value that is known only once another item is there. */
export interface ItemReference {
  readonly field: 'volumeIds' | 'dropletIds' | 'data';
  readonly of: 'external_id' | 'ip';
  readonly keys: readonly string[];
}

/** One item of a template, for one deployment; plain JSON. */
export interface PlannedItem {
  /** Its name in the template: `app-1`. */
  readonly key: string;
  readonly kind: WantedResource['kind'];
  readonly tag: string;
  readonly wanted: WantedResource;
  readonly references: readonly ItemReference[];
  /** The keys of the items that have to be there before. */
  readonly dependsOn: readonly string[];
  /** What drift compares it with later; null for what the inventory doesn't list. */
  readonly spec: Spec | null;
}

/** An item that has been created. */
export interface MadeItem {
  readonly externalId: string;
  /** Its public address, where it has one by now. */
  readonly ip: string | null;
}
