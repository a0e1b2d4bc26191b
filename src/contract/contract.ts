import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type AnySchemaObject, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { GatewayError, type ErrorCode } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import { ID_FORMATS } from './id-formats.js';


/** The JSON Schemas of `specs/schemas`, compiled. A schema's id is its path there without `.json`. */
export class Contract {
  constructor(private readonly validators: ReadonlyMap<string, ValidateFunction>) {}

  has(schemaId: string): boolean {
    return this.validators.has(schemaId);
  }

  /** Where and how `value` departs from the schema, in a form that may be shown to its sender; undefined if it holds. */
  faultOf(schemaId: string, value: unknown): string | undefined {
    const validator = this.validators.get(schemaId);
    if (validator === undefined) throw new Error(`no schema ${schemaId}`);
    return validator(value) ? undefined : describe(validator.errors?.[0]);
  }

  /** The value with its type, or a refusal with `code`. */
  validate<T>(schemaId: string, value: unknown, code: ErrorCode = 'SW_BAD_SCHEMA'): T {
    const fault = this.faultOf(schemaId, value);
    if (fault === undefined) return value as T;
    throw new GatewayError(code, `${schemaId}: ${fault}`, { publicDetail: fault });
  }
}

/** Names the place and the rule, never the value. Keys of a body can be anything, so only plain ASCII leaves. */
function describe(error: ErrorObject | undefined): string {
  const place = error === undefined || error.instancePath === '' ? '/' : error.instancePath;
  return `At ${place}: ${error?.message ?? 'refused'}.`.replace(/[^ -~]/g, '?').slice(0, LIMITS.faultCharsMax);
}

/** Reads and compiles every schema under `<specsDir>/schemas`. Called once, at start; a fault there stops the start. */
export function loadContract(specsDir: string): Contract {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, formats: ID_FORMATS });
  const schemas = readSchemas(join(specsDir, 'schemas'));
  for (const [id, schema] of schemas) {
    if (schema.$id !== `/${id}.json`) throw new Error(`specs/schemas/${id}.json must have "$id": "/${id}.json"`);
    ajv.addSchema(schema);
  }
  const validators = new Map<string, ValidateFunction>();
  for (const id of schemas.keys()) {
    const validator = ajv.getSchema(`/${id}.json`);
    if (validator !== undefined) validators.set(id, validator);
  }
  return new Contract(validators);
}

function readSchemas(dir: string): ReadonlyMap<string, AnySchemaObject> {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  return new Map(
    files.sort().map((name) => {
      const id = name.slice(0, -'.json'.length).replaceAll('\\', '/');
      return [id, JSON.parse(readFileSync(join(dir, name), 'utf8')) as AnySchemaObject];
    }),
  );
}
