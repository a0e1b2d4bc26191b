import { expect } from 'chai';
import { parseTenantId } from '../../../src/kernel/ids.js';
import { systemContext, tenantContext, type TenantContext, type TenantFacts } from '../../../src/kernel/tenant-context.js';
import { contextOf } from '../../support/twins.js';

const OWN = parseTenantId('11111111-1111-4111-8111-111111111111');
const OTHER = parseTenantId('22222222-2222-4222-8222-222222222222');

describe('the context of a tenant', () => {
  const given = (): TenantFacts => ({ ...contextOf(OWN), features: { ai: { enabled: true, models: ['one'] } } });

  /** Every object in it, by its path. */
  function inside(value: unknown, path = 'ctx'): readonly (readonly [path: string, value: object])[] {
    if (typeof value !== 'object' || value === null) return [];
    return [[path, value], ...Object.entries(value).flatMap(([name, member]) => inside(member, `${path}.${name}`))];
  }

  it('is frozen all the way down', () => {
    const parts = inside(tenantContext(given()));
    expect(parts.map(([path]) => path)).to.deep.equal(['ctx', 'ctx.limits', 'ctx.features', 'ctx.features.ai', 'ctx.features.ai.models']);
    for (const [path, part] of parts) expect(part, path).to.be.frozen;
  });

  const WIDENINGS: Readonly<Record<string, (ctx: TenantContext) => void>> = {
    'another tenant': (ctx) => Object.assign(ctx, { tenantId: OTHER }),
    'a higher limit': (ctx) => Object.assign(ctx.limits, { max_rooms: 1_000_000 }),
    'a limit that is gone': (ctx) => void Reflect.apply(Object.defineProperty, Object, [ctx.limits, 'max_rooms', { value: null }]),
    'a further feature': (ctx) => Object.assign(ctx.features, { more: true }),
    'a feature switched inside another': (ctx) => void Object.assign(Object(ctx.features['ai']), { enabled: false }),
    'one more in the list of a feature': (ctx) => Array.prototype.push.call(Reflect.get(Object(ctx.features['ai']), 'models'), 'two'),
  };
  for (const [what, widen] of Object.entries(WIDENINGS)) {
    it(`takes no ${what}`, () => {
      const ctx = tenantContext(given());
      expect(() => widen(ctx)).to.throw(TypeError);
      expect(ctx).to.deep.equal(given());
    });
  }

  it('does not follow the facts that it was made of', () => {
    const facts = structuredClone(given());
    const ctx = tenantContext(facts);
    Object.assign(facts.limits, { max_rooms: 1_000_000 });
    expect(ctx).to.deep.equal(given());
  });

  it('that spans tenants is frozen too', () => {
    expect(systemContext('find-due')).to.be.frozen;
  });
});
