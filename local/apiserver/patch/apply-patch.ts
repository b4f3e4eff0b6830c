/** The patch types of PATCH requests: JSON patch, merge patch, strategic merge patch. None changes its input. */
export { jsonPatch } from './json-patch.ts';
export { mergePatch } from './merge-patch.ts';
export { strategicMergePatch } from './strategic-patch.ts';
