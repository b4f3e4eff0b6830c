/** The selector objects of specs: `matchLabels` and `matchExpressions`. An empty one matches everything, none nothing. */
import type { KubeObject } from '../../../api/object.ts';
import { isObject } from '../json.ts';

export function matchesSelector(selector: unknown, object: KubeObject): boolean {
  if (!isObject(selector)) return false;
  const labels = object.metadata.labels ?? {};
  const wanted = isObject(selector.matchLabels) ? Object.entries(selector.matchLabels) : [];
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  const expressions = Array.isArray(selector.matchExpressions) ? selector.matchExpressions : [];
  return expressions.every((one) => {
    if (!isObject(one) || typeof one.key !== 'string') return false;
    const label = labels[one.key];
    const values: unknown[] = Array.isArray(one.values) ? one.values : [];
    switch (one.operator) {
      case 'In':
        return label !== undefined && values.includes(label);
      case 'NotIn':
        return label === undefined || !values.includes(label);
      case 'Exists':
        return label !== undefined;
      case 'DoesNotExist':
        return label === undefined;
      default:
        return false;
    }
  });
}
