import { join } from 'node:path';
import type { Config } from '../config/config.js';
import { MediaLinks } from '../flows/media/media-links.js';
import { Media } from '../flows/media/media.js';
import { ReceiveUpload } from '../flows/media/receive-upload.js';
import { MediaSweep } from '../lanes/media-sweep.js';
import { FolderBlobs } from '../store/blobs/folder-blobs.js';
import type { TenantDirectory } from '../store/tenant-directory.js';
import type { Basics, Storage } from './storage.js';

export interface MediaParts extends Basics {
  readonly config: Pick<Config, 'dataDir'>;
  readonly storage: Pick<Storage, 'store' | 'vault'>;
  readonly tenants: Pick<TenantDirectory, 'byId'>;
  /** Where callers reach this node; known once it listens. */
  readonly publicUrl: () => string;
}

export interface MediaFlows {
  readonly media: Media;
  readonly sweep: MediaSweep;
}

/** Files that people share, in a folder beside the other data of the node. */
export function composeMedia({ config, storage, randomness, ...parts }: MediaParts): MediaFlows {
  const { store, vault } = storage;
  const blobs = new FolderBlobs(join(config.dataDir, 'media'));
  const sweep = new MediaSweep({ ...parts, store, blobs });
  const receiveUpload = new ReceiveUpload({ ...parts, store, blobs, sweep, randomness });
  return { sweep, media: new Media({ ...parts, store, blobs, sweep, receiveUpload, links: new MediaLinks(vault, parts.clock) }) };
}
