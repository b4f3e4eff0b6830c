/** The selector objects of specs that are not typed here: `matchLabels` and `matchExpressions`, read as they stand. */
import type { KubeObject } from '../../../api/object.ts';
import { selects, type Labels, type LabelSelector } from '../../../kube/label-selector.ts';
import { isObject } from '../json.ts';

/** An empty one matches everything; none, or one that cannot be read, nothing. */
export function matchesSelector(selector: unknown, object: KubeObject): boolean {
  if (!isObject(selector)) return false;
  const { matchLabels, matchExpressions } = selector;
  const expressions = Array.isArray(matchExpressions) ? matchExpressions.map(requirement) : [];
  if (!expressions.every((one) => one !== undefined)) return false;
  return selects(
    { ...(isLabels(matchLabels) ? { matchLabels } : {}), matchExpressions: expressions },
    object.metadata.labels,
  );
}

function requirement(value: unknown): NonNullable<LabelSelector['matchExpressions']>[number] | undefined {
  if (!isObject(value) || typeof value.key !== 'string' || typeof value.operator !== 'string') return undefined;
  const values: unknown[] = Array.isArray(value.values) ? value.values : [];
  return { key: value.key, operator: value.operator, values: values.filter((one) => typeof one === 'string') };
}

function isLabels(value: unknown): value is Labels {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'string');
}
