import { isDeepStrictEqual } from 'node:util';
import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { parseServerName, type ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { readJws, readPayload, signJws, verifyJws, type ReadJws } from './jws.js';
import { readKeyHistory, type ServerKey, type WireKey } from './key-history.js';
import { publicKeyText, type SigningKey } from './keys.js';
import { parseStrictJson } from './strict-json.js';

export const PROTOCOL_VERSION = 'v1';
export const DESCRIPTOR_PATH = '/.well-known/scaiwave/server';

/** Paths of the federation, with the words that a caller fills in. */
export const ENDPOINTS = Object.freeze({
  send: '/_scaiwave/federation/v1/send',
  profile: '/_scaiwave/federation/v1/profile/{local_id}',
  members: '/_scaiwave/federation/v1/rooms/{room_id}/members',
  backfill: '/_scaiwave/federation/v1/rooms/{room_id}/backfill',
});

/** What a server promises its peers. */
export interface ServerPromises {
  readonly holds_days: number;
  readonly backfill_max: number;
  readonly max_batch_bytes: number;
  readonly max_items: number;
}

export interface DescriptorPayload {
  readonly server_name: string;
  readonly public_key: string;
  readonly protocol_versions: readonly string[];
  readonly endpoints: Readonly<Record<keyof typeof ENDPOINTS, string>>;
  readonly serial: number;
  readonly keys: readonly WireKey[];
  readonly next_key_sha256: string | null;
  readonly contract: ServerPromises;
}

export interface WireDescriptor extends DescriptorPayload {
  /** The same object, signed by the current key. */
  readonly jws: string;
}

/** A descriptor whose own signatures hold. Whether its keys are those we know is `keysTrustedFrom`. */
export interface Descriptor {
  readonly serverName: ServerName;
  readonly serial: number;
  /** Oldest first; the last is the current one. */
  readonly keys: readonly ServerKey[];
  readonly nextKeySha256: string | null;
  readonly protocolVersions: readonly string[];
  readonly endpoints: DescriptorPayload['endpoints'];
  readonly promises: ServerPromises;
  readonly jws: string;
}

export interface DescriptorFacts {
  readonly serial: number;
  /** Oldest first; the last is the signing key's. */
  readonly keys: readonly WireKey[];
  readonly nextKeySha256: string | null;
}

export function signDescriptor(key: SigningKey, facts: DescriptorFacts): WireDescriptor {
  const payload: DescriptorPayload = {
    server_name: key.server,
    public_key: publicKeyText(key.publicKey),
    protocol_versions: [PROTOCOL_VERSION],
    endpoints: ENDPOINTS,
    serial: facts.serial,
    keys: facts.keys,
    next_key_sha256: facts.nextKeySha256,
    contract: {
      holds_days: LIMITS.peerHoldMs / 86_400_000,
      backfill_max: LIMITS.backfillMax,
      max_batch_bytes: LIMITS.batchBytesMax,
      max_items: LIMITS.batchItemsMax,
    },
  };
  return { ...payload, jws: signJws(key, 'scaiwave-descriptor+jws', payload) };
}

/** Reads what `expected` answered at the well-known path. */
export async function readDescriptor(contract: Contract, bytes: Buffer, expected: ServerName): Promise<Descriptor> {
  if (bytes.length > LIMITS.descriptorBytesMax) refuse(`${bytes.length} bytes`);
  const { jws, ...plain } = contract.validate<WireDescriptor>('federation/descriptor', parse(bytes), 'SW_FED_DESCRIPTOR_INVALID');
  const opened = openJws(contract, jws);
  const descriptor = await proven(contract, opened);
  if (descriptor.serverName !== expected) refuse(`describes ${descriptor.serverName}`);
  if (!isDeepStrictEqual(plain, opened.payload)) refuse('says one thing and signs another');
  if (!descriptor.protocolVersions.includes(PROTOCOL_VERSION)) {
    throw new GatewayError('SW_FED_PROTOCOL_VERSION', `${expected} does not speak ${PROTOCOL_VERSION}`);
  }
  return descriptor;
}

/** A descriptor of which nothing is proved yet: what that costs goes by its keys. */
export interface UnprovenDescriptor {
  /** Whose it claims to be. */
  readonly serverName: ServerName;
  readonly keyCount: number;
  readonly prove: () => Promise<Descriptor>;
}

/** Opens a descriptor that came along with a run: its JWS alone. */
export function openCarriedDescriptor(contract: Contract, text: string): UnprovenDescriptor {
  const opened = openJws(contract, text);
  return { serverName: parseServerName(opened.payload.server_name), keyCount: opened.payload.keys.length, prove: () => proven(contract, opened) };
}

interface OpenedJws {
  readonly jws: ReadJws;
  readonly payload: DescriptorPayload;
}

function openJws(contract: Contract, text: string): OpenedJws {
  const jws = readJws(text, 'scaiwave-descriptor+jws');
  return { jws, payload: readPayload<DescriptorPayload>(contract, jws, 'federation/descriptor-payload') };
}

async function proven(contract: Contract, { jws, payload }: OpenedJws): Promise<Descriptor> {
  const serverName = parseServerName(payload.server_name);
  if (jws.kid.server !== serverName) refuse(`signed by ${jws.kid.server}`);
  const keys = await readKeyHistory(contract, serverName, payload.keys);
  const current = keys.at(-1) ?? refuse('no key');
  if (current.keyId !== jws.kid.keyId || publicKeyText(current.publicKey) !== payload.public_key) {
    refuse('current key is not the last of the list');
  }
  if (current.revokedAtMs !== undefined) refuse('current key is revoked');
  if (!(await verifyJws(jws, current.key))) refuse('signature');
  return {
    serverName,
    serial: payload.serial,
    keys,
    nextKeySha256: payload.next_key_sha256,
    protocolVersions: payload.protocol_versions,
    endpoints: payload.endpoints,
    promises: payload.contract,
    jws: jws.text,
  };
}

function parse(bytes: Buffer): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    throw new GatewayError('SW_FED_DESCRIPTOR_INVALID', 'not strict JSON', { cause: error });
  }
}

function refuse(why: string): never {
  throw new GatewayError('SW_FED_DESCRIPTOR_INVALID', why);
}
