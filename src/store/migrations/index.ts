import type { Migration } from './migration.js';
import { foundation } from './0001-foundation.js';
import { logFunctions } from './0002-log-functions.js';
import { laneTroubles } from './0003-lanes.js';
import { bridges } from './0004-bridges.js';
import { plans } from './0005-plans.js';
import { aiUsage } from './0006-ai-usage.js';
import { filledPlaces } from './0007-filled-places.js';
import { audit } from './0008-audit.js';
import { modelParticipants } from './0009-model-participants.js';
import { media } from './0010-media.js';
import { runs } from './0011-runs.js';
import { scaikey } from './0012-scaikey.js';
import { tenancy } from './0013-tenancy.js';
import { sidekicks } from './0014-sidekicks.js';
import { scaikeyPartners } from './0015-scaikey-partners.js';
import { sidekickCaps } from './0016-sidekick-caps.js';
import { roomKeys } from './0017-room-keys.js';
import { shadowCounts } from './0018-shadow-counts.js';
import { withheldPlaces } from './0019-withheld-places.js';
import { deliveryTries } from './0020-delivery-tries.js';
import { erasureClaims } from './0021-erasure-claims.js';
import { ownProofs } from './0022-own-proofs.js';
import { settledMonths } from './0023-settled-months.js';
import { noReadMarks } from './0024-no-read-marks.js';

/** In order, forward only; a migration that has landed is never edited. */
export const MIGRATIONS: readonly Migration[] = [foundation, logFunctions, laneTroubles, bridges, plans, aiUsage, filledPlaces, audit, modelParticipants, media, runs, scaikey, tenancy, sidekicks, scaikeyPartners, sidekickCaps, roomKeys, shadowCounts, withheldPlaces, deliveryTries, erasureClaims, ownProofs, settledMonths, noReadMarks];
