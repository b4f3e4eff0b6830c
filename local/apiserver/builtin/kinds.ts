/** What the API server asks of Kubernetes' own kinds: their shape, defaults, validation, and reading them from JSON. */
export { pruneBuiltin, unknownFields } from './decode.ts';
export { builtinDefaults } from './defaults.ts';
export { builtinShape } from './shapes.ts';
export { validateBuiltin } from './validate.ts';
