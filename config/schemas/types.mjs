// The words the schemas are written in. A name that ends in `!` is a required property.

/** @typedef {Record<string, unknown>} Schema an OpenAPI v3 structural schema */

/** @returns {Schema} an object with the given properties, all others pruned */
export function object(description, properties, extra = {}) {
  const required = Object.keys(properties).filter((name) => name.endsWith('!'));
  return {
    description,
    type: 'object',
    ...(required.length > 0 ? { required: required.map(bare) } : {}),
    properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [bare(name), schema])),
    ...extra,
  };
}

/** An object whose content this API does not look into (behind a feature flag, or another API's). */
export const open = (description, extra = {}) => ({
  description,
  type: 'object',
  ...extra,
  'x-kubernetes-preserve-unknown-fields': true,
});

export const string = (description, extra = {}) => ({ description, type: 'string', ...extra });
export const boolean = (description) => ({ description, type: 'boolean' });
export const int32 = (description, extra = {}) => ({ description, type: 'integer', format: 'int32', ...extra });
export const int64 = (description, extra = {}) => ({ description, type: 'integer', format: 'int64', ...extra });
export const map = (description, values = { type: 'string' }, extra = {}) => ({
  description,
  type: 'object',
  additionalProperties: values,
  ...extra,
});

/** A list that server-side apply takes as one value. */
export const list = (description, items) => ({ description, type: 'array', items });
export const strings = (description) => list(description, { type: 'string' });

/** A list that server-side apply merges item by item. */
export const listByKey = (description, keys, items) => ({
  ...list(description, items),
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': keys,
});

/** A reference or selector that has one owner as a whole. */
export const ATOMIC = { 'x-kubernetes-map-type': 'atomic' };

const INT_OR_STRING = { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true };
export const intOrString = (description) => ({ description, ...INT_OR_STRING });

const NUMBER = String.raw`(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))`;
const QUANTITY = String.raw`^(\+|-)?${NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?${NUMBER}))?$`;
export const quantity = (description) => ({ description, pattern: QUANTITY, ...INT_OR_STRING });

function bare(name) {
  return name.endsWith('!') ? name.slice(0, -1) : name;
}
