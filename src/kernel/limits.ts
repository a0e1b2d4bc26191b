/** Limits of one tenant, overridable per tenant; counted where the comment says. `null` = no limit. */
export interface TenantLimits {
  /** People joined to rooms hosted here, local and foreign alike, each once. At join. */
  readonly max_participants: number;
  /** Hosted rooms plus accepted mirrors. At creation and at accept. */
  readonly max_rooms: number;
  /** Megabytes of uploads. At upload. */
  readonly max_storage_mb: number;
  /** Tokens a month, accounted by ScaiGrid. At sidekick spawn. */
  readonly ai_tokens_monthly_limit: number | null;
  /** People behind the bridges there are. When a shadow is made; given back when its bridge is removed. */
  readonly max_bridge_shadows: number;
  /** Foreign people known here. When a shadow is made; beyond it content is withheld. */
  readonly max_federated_shadows: number;
  /** Megabytes that mirrored rooms may make us store; beyond it talk is withheld, and state a while later. */
  readonly max_mirror_mb: number;
  /** Tasks of one person that sidekicks are at. At spawn. */
  readonly max_sidekicks_per_user: number;
  /** Tasks that sidekicks are at; `features.sidekick_limits.max_concurrent` takes its place where it is set. At spawn. */
  readonly max_sidekicks: number;
  /** Steps of one sidekick's task. At its worker's report. */
  readonly max_sidekick_steps: number;
  /** Tokens of one sidekick's task. At its worker's report. */
  readonly max_sidekick_tokens: number | null;
  /** Steps of one plan. At plan write. */
  readonly max_plan_steps: number;
  /** Calls in any minute by all people of the tenant together, and as many by all peers and bridges together. */
  readonly tenant_requests_per_minute: number;
  /** Calls in any minute by one person, on all their devices. */
  readonly user_requests_per_minute: number;
  /** Requests in any minute by one server. */
  readonly peer_requests_per_minute: number;
  /** Inbound calls in any minute by one bridge. */
  readonly bridge_requests_per_minute: number;
}

/** The least that a limit of a tenant may be set to. At a rate of 0 nobody could come in to raise it again. */
export function tenantLimitMin(limit: keyof TenantLimits): number {
  return limit === 'tenant_requests_per_minute' || limit === 'user_requests_per_minute' ? 1 : 0;
}

/** What the limits count as one megabyte. */
export const MEGABYTE = 1_048_576;

export const TENANT_LIMIT_DEFAULTS: TenantLimits = Object.freeze({
  max_participants: 100,
  max_rooms: 500,
  max_storage_mb: 10_240,
  ai_tokens_monthly_limit: null,
  max_bridge_shadows: 5_000,
  max_federated_shadows: 20_000,
  max_mirror_mb: 10_240,
  max_sidekicks_per_user: 3,
  max_sidekicks: 10,
  max_sidekick_steps: 25,
  max_sidekick_tokens: null,
  max_plan_steps: 20,
  tenant_requests_per_minute: 30_000,
  user_requests_per_minute: 6_000,
  peer_requests_per_minute: 12_000,
  bridge_requests_per_minute: 1_200,
});

/** Limits of one partner, set by the platform. `null` = no limit. */
export interface PartnerLimits {
  /** Tenants of its fleet. When one is made. */
  readonly max_tenants: number | null;
}

export const PARTNER_LIMIT_DEFAULTS: PartnerLimits = Object.freeze({ max_tenants: 100 });

/**
 * Every fixed bound of the node that a caller, a peer or an operator can notice; the unit is in the name.
 * specs/protocol/limits.md is the contract, and a test compares the two. Steps of one algorithm stand beside it.
 */
export const LIMITS = Object.freeze({
  contentBytesMax: 64 * 1024,
  eventPayloadBytesMax: 72 * 1024,
  requestBytesMax: 256 * 1024,
  federationBytesMax: 1024 * 1024 + 64 * 1024,
  batchBytesMax: 1024 * 1024,
  batchKeysMax: 100,
  batchEntriesMax: 100,
  batchItemsMax: 100,
  bridgeBytesMax: 1024 * 1024,
  bridgeTextCharsMax: 40_000,
  jsonDepthMax: 32,
  nameCharsMax: 200,
  topicCharsMax: 2_000,
  displayNameCharsMax: 100,
  reasonCharsMax: 500,
  emojiCharsMax: 64,
  foreignIdCharsMax: 255,
  headerCountMax: 100,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  transferIdleMs: 30_000,
  keepAliveMs: 65_000,
  unprovenBytesMax: 256 * MEGABYTE,
  connectionsMax: 10_000,

  appendItemsMax: 200,
  appendBytesMax: 1024 * 1024,
  appendQueueMax: 1_000,
  admitAttemptsMax: 3,
  movedRepeatsMax: 5,
  roomSnapshotsMax: 2_000,
  shadowCacheMax: 20_000,

  messagesPageDefault: 50,
  messagesPageMax: 200,
  syncPageDefault: 100,
  syncPageMax: 500,
  eventPageBytesMax: 2 * MEGABYTE,
  syncTimeoutDefaultMs: 30_000,
  syncTimeoutMaxMs: 60_000,
  followPollMs: 250,
  listPageDefault: 50,
  listPageMax: 200,
  listOffsetMax: 100_000,
  tenantLimitMax: 1_000_000_000,
  featuresBytesMax: 16 * 1024,
  featuresDepthMax: 8,
  fleetPlaceAttemptsMax: 10,
  usagePageMax: 10_000,
  usageEntriesMax: 20_000,
  streamPingMs: 30_000,
  streamHelloMs: 2_000,
  streamFrameBytesMax: 4 * 1024,
  streamBufferBytesMax: 1024 * 1024,
  streamsPerPersonMax: 10,
  streamPiecesMax: 2_000,
  typingMs: 4_000,
  typersPerStreamMax: 100,
  presenceMs: 90_000,
  editWindowMs: 24 * 3_600_000,

  planGoalCharsMax: 2_000,
  planStepCharsMax: 2_000,
  planResultCharsMax: 4_000,
  planStepsMax: 200,
  planAttemptsMax: 1_000,
  plansPageDefault: 20,
  plansKeptMax: 100,

  sidekickTaskCharsMax: 8_000,
  sidekickModelCharsMax: 200,
  sidekickTimeoutMaxS: 300,
  sidekickProgressCharsMax: 1_000,
  sidekickResultCharsMax: 16_000,
  sidekickContextEntriesMax: 100,
  sidekickContextBytesMax: 128 * 1024,
  sidekickStepsSaidMax: 1_000_000,
  sidekickTokensSaidMax: 1_000_000_000_000,
  sidekickTokensWarnPercent: 80,
  sidekickReportsPerSecond: 2,
  sidekickReportsBurst: 20,
  sidekickLookMs: 5_000,
  sidekickRetryMinMs: 500,
  sidekickRetryMaxMs: 15_000,
  sidekicksPerTurnMax: 200,
  sidekickHandOversAtOnce: 10,
  sidekickTaskKeptMs: 900_000,
  sidekickLocalTasksMax: 1_000,
  sidekickKeptMs: 30 * 86_400_000,

  clockSkewMs: 60_000,
  signatureLifetimeMs: 120_000,
  nonceRememberedMs: 240_000,
  keysPerServerMax: 32,
  keyOverlapMs: 30 * 86_400_000,
  keyLifetimeMs: 365 * 86_400_000,
  descriptorBytesMax: 64 * 1024,
  descriptorCacheMs: 24 * 3_600_000,
  descriptorFailureMinMs: 10 * 60_000,
  descriptorFailureMaxMs: 24 * 3_600_000,
  descriptorNeededWaitMs: 5_000,
  descriptorFetchesPerMinute: 60,
  descriptorFetchesPerAddressPerMinute: 5,
  unprovenServersMax: 10_000,
  descriptorTotalMs: 10_000,
  descriptorRefreshMs: 12 * 3_600_000,
  descriptorWaitS: 5,
  unprovenDescriptorsMax: 600,
  unprovenKeptMs: 600_000,
  ownKeysCacheMs: 30_000,
  peerKeysCacheMs: 30_000,
  peersCachedMax: 20_000,
  unusedPeersMax: 1_000,
  peerSeenEveryMs: 60_000,
  peerRefusedWaitS: 300,
  peersMetAtOnceMax: 20,
  keyRefreshCooldownMs: 60_000,
  tenantCacheMs: 500,
  tenantNameCacheMs: 30_000,
  tenantsCachedMax: 10_000,
  personCacheMs: 30_000,
  peopleCachedMax: 20_000,
  clockOffsetKeptMs: 3_600_000,

  invitationsPerHomeMax: 1_000,
  foreignBridgesPerRoomMax: 10,
  openInvitesPerMemberMax: 20,
  submissionsPerRoomMax: 1_000,
  carriedServersPerRoomMax: 500,
  carriedKeysPerMinute: 400,
  carriedKeysOfAllPerMinute: 4_000,
  mirrorStateBytesMax: 64 * MEGABYTE,
  seenAgreedMs: 30_000,
  seenAgreedMax: 10_000,
  submissionHoldMs: 30 * 86_400_000,
  submissionNoticeMs: 5_000,
  submissionNoticesMax: 200,
  backfillMax: 1_000,
  membersAnswerMax: 5_000,
  withheldShownMax: 100,
  peerHoldMs: 30 * 86_400_000,
  peerBackoffMinMs: 2_000,
  peerBackoffMaxMs: 3_600_000,
  peerAnswerBytesMax: 2 * 1024 * 1024,
  peerTotalMs: 20_000,

  bridgeTolerancePastMs: 300_000,
  bridgeToleranceFutureMs: 60_000,
  bridgeSignaturesMax: 5,
  bridgeGraceDefaultMs: 300_000,
  bridgeGraceMaxMs: 7 * 86_400_000,
  bridgeViaHopsMax: 8,
  bridgeAnswerBytesMax: 16 * 1024,
  bridgeTotalMs: 10_000,
  bridgeAutoPauseMs: 5 * 86_400_000,
  bridgesCachedMax: 10_000,
  bridgeCacheMs: 1_000,
  bridgeSecretUsesMs: 1_000,
  bridgeReadMax: 200,
  bridgeWaitingMax: 5_000,
  bridgePostsPerTurnMax: 50,
  bridgeFastFailures: 3,
  bridgeRetryAfterMaxMs: 3_600_000,
  bridgeFailingWarnMs: 3 * 86_400_000,
  breakerWindowMs: 300_000,
  breakerTriesMin: 10,
  breakerFailedPercent: 70,
  breakerOpenMs: 30_000,
  breakerOpenMaxMs: 600_000,
  deliveryTriesMax: 20,
  deliveryKeptMs: 30 * 86_400_000,

  leaseMs: 10_000,
  consumersPerPoll: 200,
  lanePollMs: 250,
  laneConcurrency: 16,
  laneTenantConcurrency: 8,
  laneGapMs: 5,
  laneStopMs: 8_000,
  leaseRenewMs: 3_000,
  tenantStandsStillMs: 60_000,
  streamPublishMax: 200,
  streamPublishRetryMaxMs: 30_000,
  acceptedResendMs: 600_000,
  declineRetryMs: 60_000,
  peerProbeAfterHoldMs: 86_400_000,
  dutyPeriodMs: 3_600_000,
  dutyRetryMaxMs: 600_000,
  dispatchTenantsMax: 100,
  dispatchEntriesMax: 20_000,
  streamRetentionMs: 24 * 3_600_000,
  rejectionKeptMs: 30 * 86_400_000,
  retentionStep: 1_000,
  auditReadMax: 500,
  auditTargetCharsMax: 320,
  auditTextCharsMax: 500,
  auditListItemsMax: 50,
  auditDetailBytesMax: 64 * 1024,
  endedInvitationKeptMs: 30 * 86_400_000,

  mediaBytesMax: 512 * 1024 * 1024,
  mediaFormBytesMax: 64 * 1024,
  mediaFormFieldsMax: 10,
  mediaFormFieldBytesMax: 1024,
  mediaNameCharsMax: 200,
  mediaSampleBytes: 4096,
  mediaUploadMs: 3_600_000,
  mediaUploadsPerTenantMax: 200,
  mediaStepBytes: 1024 * 1024,
  mediaLeaseMs: 120_000,
  mediaRenewMs: 30_000,
  mediaOrphanMs: 24 * 3_600_000,
  mediaSweepMax: 200,
  mediaLinkDefaultMs: 300_000,
  mediaLinkMaxMs: 3_600_000,
  scaikeyEventBytesMax: 256 * 1024,
  scaikeyToleranceMs: 300_000,
  scaikeyEventKeptMs: 7 * 86_400_000,
  scaikeyUnsetRetryS: 300,
  scaikeySyncPeriodMs: 600_000,
  scaikeyPageSize: 100,
  scaikeyPagesMax: 2_000,
  scaikeyPagesPerTurn: 20,
  scaikeyConfirmationsPerTurn: 50,
  scaikeyAnswerBytesMax: 4 * 1024 * 1024,
  scaikeyTotalMs: 10_000,
  scaikeyTokenMarginMs: 60_000,

  jwksCooldownMs: 30_000,
  jwksEarlyFetchesMax: 5,
  jwksCacheMs: 600_000,
  tokenCacheMs: 60_000,
  tokenCacheMax: 10_000,
  tokenBytesMax: 8 * 1024,
  jwksStaleMs: 3_600_000,
  jwksBytesMax: 256 * 1024,
  jwksTotalMs: 5_000,
  addressRequestsPerSecond: 200,
  addressRequestsBurst: 1_000,
  addressesTrackedMax: 10_000,
  rateWindowMs: 60_000,
  rateSlotMs: 5_000,
  rateAheadPercent: 5,
  rateTellMs: 100,
  rateWaitMs: 30,
  rateAloneMs: 1_000,
  rateCallersPerTenantMax: 20_000,
  unprovenRequestsPerMinute: 600,
  unprovenSendersMax: 20_000,

  scaigridTotalMs: 5_000,
  scaigridAnswerBytesMax: 1024 * 1024,
  scaigridPageItems: 100,
  scaigridPagesMax: 20,
  scaigridRetryAfterMaxMs: 3_600_000,
  aiUsageFreshMs: 60_000,
  aiUsageStaleMs: 600_000,
  aiUsageRetryMs: 30_000,
  aiUsageClaimMs: 10_000,
  aiMonthSettlesMs: 120_000,
  aiMonthsBackMax: 12,
  aiCatalogueMs: 60_000,
  aiModelsMax: 200,
  aiPromptsMax: 50,
  aiPromptCharsMax: 16_000,
  modelParticipantsMax: 500,
  studioAllowlistMax: 1_000,

  egressConnectMs: 3_000,
  egressIdleMs: 10_000,
  egressOriginsMax: 1_024,
  egressConnectionsPerOriginMax: 64,

  cacheWaitMs: 250,
  cacheEntriesPerTenantMax: 100_000,
  cacheKeyCharsMax: 256,

  streamPublishInFlightMax: 256,
  streamAckMs: 2_000,
  streamFetchMs: 5_000,
  streamLocalMessagesMax: 5_000,
  streamLocalBytesMax: 16 * MEGABYTE,
  streamLocalAllBytesMax: 128 * MEGABYTE,
  streamLocalSweepMs: 60_000,
  streamMessagesMax: 5_000_000,
  streamRepeatMs: 120_000,
  streamReaderIdleMs: 60_000,
  streamRetryMs: 500,

  dbPoolMax: 10,
  gaveWayPauseMs: 50,
  dbConnectMs: 5_000,
  dbWaitersMax: 1_000,
  unavailableRetryS: 2,
  lockTimeoutMs: 2_000,
  migrationMs: 600_000,
  migrationLockMs: 1_500,
  migrationPauseMs: 1_000,
  migrationTriesMax: 60,
  embeddedConnectionsMax: 60,
  embeddedStartMs: 30_000,
  embeddedStopMs: 5_000,
  embeddedLogBytesMax: 10 * 1024 * 1024,
  dataLockWaitMs: 2_000,
  statementTimeoutMs: 10_000,
  idleTransactionTimeoutMs: 5_000,
  stopMs: 10_000,
  stopDrainMs: 300,
});

/** Waits before the 2nd, 3rd, … attempt of one bridge message, each ±20 %; then it is parked. */
export const BRIDGE_RETRY_MS: readonly number[] = Object.freeze([
  2_000, 10_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000,
]);
