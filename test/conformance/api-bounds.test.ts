import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Call } from '../../src/http/call.js';
import type { Gate } from '../../src/http/route.js';
import { routeTable } from '../../src/http/routes/table.js';
import { GatewayError } from '../../src/kernel/errors.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { TENANT_LIMIT_DEFAULTS, tenantLimitMax, tenantLimitMin, type TenantLimits } from '../../src/kernel/tenant-limits.js';
import { noBody, testCaller } from '../support/http-node.js';
import { recordingApis } from '../support/recording-apis.js';

/** Bounds that a schema of the API has to repeat: file, member, keyword, limit. */
const SCHEMA_BOUNDS: readonly (readonly [file: string, member: string, keyword: string, bound: number])[] = [
  ['new-room', 'name', 'maxLength', LIMITS.nameCharsMax],
  ['new-room', 'topic', 'maxLength', LIMITS.topicCharsMax],
  ['room-name', 'name', 'maxLength', LIMITS.nameCharsMax],
  ['room-topic', 'topic', 'maxLength', LIMITS.topicCharsMax],
  ['new-sidekick', 'task', 'maxLength', LIMITS.sidekickTaskCharsMax],
  ['sidekick-report', 'steps', 'maximum', LIMITS.sidekickStepsSaidMax],
  ['sidekick-report', 'tokens', 'maximum', LIMITS.sidekickTokensSaidMax],
  ['new-sidekick', 'model_id', 'maxLength', LIMITS.modelSlugCharsMax],
  ['new-sidekick', 'name', 'maxLength', LIMITS.displayNameCharsMax],
  ['new-sidekick', 'timeout_seconds', 'maximum', LIMITS.sidekickTimeoutMaxS],
  ['sidekick-report', 'progress', 'maxLength', LIMITS.sidekickProgressCharsMax],
  ['sidekick-report', 'error', 'maxLength', LIMITS.sidekickProgressCharsMax],
  ['sidekick-report', 'result', 'maxLength', LIMITS.sidekickResultCharsMax],
  ['plan-writing', 'goal', 'maxLength', LIMITS.planGoalCharsMax],
  ['plan-writing', 'steps', 'maxItems', LIMITS.planStepsMax],
  ['plan-writing', 'steps', 'items.properties.text.maxLength', LIMITS.planStepCharsMax],
  ['plan-writing', 'steps', 'items.properties.result.maxLength', LIMITS.planResultCharsMax],
  ['plan-writing', 'steps', 'items.properties.attempts.maximum', LIMITS.planAttemptsMax],
  ['reason', 'reason', 'maxLength', LIMITS.reasonCharsMax],
  ['person', 'reason', 'maxLength', LIMITS.reasonCharsMax],
  ['foreign-invite', 'reason', 'maxLength', LIMITS.reasonCharsMax],
  ['reaction', 'emoji', 'maxLength', LIMITS.emojiCharsMax],
  ['new-bridge', 'name', 'maxLength', LIMITS.nameCharsMax],
  ['delivery', 'answer', 'maxLength', LIMITS.bridgeAnswerBytesMax],
  ['delivery', 'tries', 'maxItems', LIMITS.deliveryTriesMax],
  ['bridge-detail', 'waiting', 'maximum', LIMITS.bridgeWaitingMax],
  ['rotate-secret', 'grace_seconds', 'maximum', LIMITS.bridgeGraceMaxMs / 1000],
  ['backfill-request', 'limit', 'maximum', LIMITS.backfillMax],
  ['room-federation', 'withheld', 'maxItems', LIMITS.withheldShownMax],
  ['federation-policy-change', 'max_backfill_events_per_request', 'maximum', LIMITS.backfillMax],
  ['ai-config-change', 'enabled_models', 'maxItems', LIMITS.aiModelsMax],
  ['ai-config-change', 'system_prompt_templates', 'maxItems', LIMITS.aiPromptsMax],
  ['ai-config-change', 'system_prompt_templates.items.properties.prompt', 'maxLength', LIMITS.aiPromptCharsMax],
  ['prompt-templates', 'system_prompt_templates', 'maxItems', LIMITS.aiPromptsMax],
  ['model-participant-change', 'system_prompt', 'maxLength', LIMITS.aiPromptCharsMax],
  ['model-participant-change', 'display_name', 'maxLength', LIMITS.displayNameCharsMax],
  ['prompt-studio-change', 'allowlist', 'maxItems', LIMITS.studioAllowlistMax],
];

describe('the schemas of the API and the limits say the same', () => {
  for (const [file, member, keyword, bound] of SCHEMA_BOUNDS) {
    const text = readFileSync(`specs/schemas/api/${file}.json`, 'utf8');
    const holds = (schema: string): void => void expect(JSON.parse(schema)).to.have.nested.property(`properties.${member}.${keyword}`, bound);
    it(`api/${file} ${member} ${keyword} is ${bound}`, () => {
      holds(text);
    });
    it(`api/${file} ${member} ${keyword}: red on another number, and on none`, () => {
      const word = keyword.split('.').at(-1) ?? '';
      expect(() => holds(text.replaceAll(`"${word}": ${bound}`, `"${word}": ${bound + 1}`))).to.throw();
      expect(() => holds(text.replaceAll(`"${word}"`, '"title"'))).to.throw();
    });
  }
});

type Properties = Readonly<Record<string, { readonly type: string | readonly string[]; readonly minimum?: number; readonly maximum?: number }>>;

describe('the schemas of the limits of a tenant', () => {
  const TENANT_LIMITS = Object.keys(TENANT_LIMIT_DEFAULTS) as (keyof TenantLimits)[];
  const propertiesOf = (file: string): Properties =>
    (JSON.parse(readFileSync(`specs/schemas/api/${file}.json`, 'utf8')) as { properties: never }).properties;

  const shown = Object.entries(TENANT_LIMIT_DEFAULTS).map(([limit, value]) => [limit, value === null ? ['integer', 'null'] : 'integer']);
  const settable = TENANT_LIMITS.map((limit) => [limit, ['integer', 'null'], tenantLimitMin(limit), tenantLimitMax(limit)]);
  const show = (properties: Properties): void => void expect(Object.entries(properties).map(([limit, { type }]) => [limit, type])).to.have.deep.members(shown);
  const set = (properties: Properties): void => void expect(Object.entries(properties).map(([limit, { type, minimum, maximum }]) => [limit, type, minimum, maximum])).to.have.deep.members(settable);

  it('show every limit, and null where there may be none', () => {
    show(propertiesOf('limits'));
  });

  it('let every limit be set, and null be its default again', () => {
    set(propertiesOf('limits-patch'));
  });

  it('are seen to be wrong: a limit too many, one too few, another type or bound', () => {
    for (const [file, holds] of [['limits', show], ['limits-patch', set]] as const) {
      const { max_rooms: rooms, ...others } = propertiesOf(file);
      if (rooms === undefined) throw new Error('max_rooms');
      expect(() => holds({ ...others, max_rooms: rooms })).not.to.throw();
      for (const planted of [others, { ...others, max_rooms: rooms, max_doors: rooms }, { ...others, max_rooms: { ...rooms, type: 'string' } }]) expect(() => holds(planted)).to.throw();
    }
    const { max_rooms: rooms, ...others } = propertiesOf('limits-patch');
    for (const bound of [{ minimum: -1 }, { maximum: LIMITS.tenantLimitMax + 1 }]) expect(() => set({ ...others, max_rooms: { type: ['integer', 'null'], ...rooms, ...bound } })).to.throw();
  });
});

interface QueryParameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly schema: { readonly type?: string; readonly minimum?: number; readonly maximum?: number };
}

describe('the bounds that OpenAPI tells of whole numbers in a query', () => {
  const document = JSON.parse(readFileSync('specs/openapi.json', 'utf8')) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly parameters?: readonly QueryParameter[] }>>>>;
    readonly components: { readonly parameters: Readonly<Record<string, QueryParameter>> };
  };
  const gate: Gate = { admit: async () => testCaller(), admitFor: async () => testCaller(), parseJson: () => null, validate: <T>(_schema: string, value: unknown) => value as T, inspectReply: () => undefined };
  const id = '33333333-3333-4333-8333-333333333333';
  const params = { room_id: `room-${id}`, bridge_id: `brg-${id}`, media_id: `med-${id}`, partner_id: 'prt_1' };

  for (const route of routeTable(recordingApis([]))) {
    const told = (document.paths[route.path]?.[route.method.toLowerCase()]?.parameters ?? []).map((parameter) => document.components.parameters[parameter.$ref?.split('/').at(-1) ?? ''] ?? parameter);
    for (const { name, in: place, schema: { type, minimum = 0, maximum = 0 } } of told) {
      if (place !== 'query' || type !== 'integer') continue;
      it(`are those of ${name} on ${route.path}`, async () => {
        const codeFor = async (value: number | bigint): Promise<string> => {
          const call: Call = { requestId: 'test', method: route.method, target: `${route.path}?${name}=${value}`, params, headers: {}, remoteAddress: '', signal: () => new AbortController().signal, readBody: async () => undefined, openBody: noBody, counted: () => undefined };
          const outcome: unknown = await route.run(call, gate).catch((error: unknown) => error);
          return outcome instanceof GatewayError ? outcome.code : 'taken';
        };
        expect([await codeFor(minimum), await codeFor(maximum)]).to.deep.equal(['taken', 'taken']);
        expect(await codeFor(BigInt(maximum) + 1n)).to.equal('SW_BAD_REQUEST');
        if (minimum > 0) expect(await codeFor(minimum - 1)).to.equal('SW_BAD_REQUEST');
      });
    }
  }
});
