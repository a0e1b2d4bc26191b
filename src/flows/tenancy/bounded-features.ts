import { GatewayError } from '../../kernel/errors.js';
import { LIMITS } from '../../kernel/limits.js';
import { depthOf } from '../../kernel/merge-patch.js';
import type { Features } from '../../kernel/tenant-context.js';

/** Flags are read with every request of the tenant: they are small and shallow, whoever sets them. */
export function boundedFeatures(features: Features): Features {
  const fits = depthOf(features) <= LIMITS.featuresDepthMax && Buffer.byteLength(JSON.stringify(features)) <= LIMITS.featuresBytesMax;
  if (fits) return features;
  const publicDetail = `Features have at most ${LIMITS.featuresBytesMax} bytes and ${LIMITS.featuresDepthMax} levels.`;
  throw new GatewayError('SW_BAD_SCHEMA', 'features', { publicDetail });
}
