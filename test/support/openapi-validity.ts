import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';

type Json = Record<string, unknown>;

/** Where a document is none of OpenAPI, names what is not there, or has a schema that is none; empty when it is sound. */
export async function validityFaults(document: object, schemasDir: string): Promise<readonly string[]> {
  const validator = new Validator();
  for (const file of readdirSync(schemasDir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'))) {
    // By its place, as the document names it, and by its `$id`, as the schemas name each other.
    for (const name of [`schemas/${file}`, `/${file}`]) await validator.addSpecRef(JSON.parse(readFileSync(join(schemasDir, file), 'utf8')) as Json, name);
  }
  const { valid, errors = [] } = await validator.validate(structuredClone(document) as Json);
  if (!valid) return typeof errors === 'string' ? [errors] : errors.map(({ instancePath, message }) => `${instancePath}: ${message}`);
  const ajv = new Ajv2020();
  return schemasIn(document).flatMap((schema) => (ajv.validateSchema(schema) === true ? [] : [`no JSON Schema: ${JSON.stringify(schema)}`]));
}

/** Of parameters, headers and contents, and of the components. */
function schemasIn(node: unknown, under = ''): readonly object[] {
  if (typeof node !== 'object' || node === null) return [];
  if (under === 'schema') return [node];
  if (under === 'schemas') return Object.values(node as Readonly<Record<string, object>>);
  return Object.entries(node).flatMap(([key, value]) => schemasIn(value, key));
}
