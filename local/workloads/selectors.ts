/** Label selectors. Source: Kubernetes, "Labels and Selectors". */

export type Labels = Readonly<Record<string, string>>;

export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** An absent selector matches nothing, an empty one everything. An operator that does not exist matches nothing. */
export function selects(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return false;
  if (selector.matchLabels !== undefined && !matchesAll(selector.matchLabels, labels)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels?.[key];
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return false;
    }
  });
}

export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

/** Every pair of `wanted` stands in `labels`. */
export function matchesAll(wanted: Labels, labels: Labels | undefined): boolean {
  for (const key in wanted) if (labels?.[key] !== wanted[key]) return false;
  return true;
}

/** Index values of labelled objects: one a label pair, within the namespace. */
export function labelKeys(object: { metadata: { namespace?: string; labels?: Labels } }): string[] {
  const { namespace = '', labels = {} } = object.metadata;
  return Object.entries(labels).map(([key, value]) => `${namespace}/${key}=${value}`);
}

/** The one index value under which all objects that `selector` matches are found; `undefined` for an empty selector. */
export function selectorKey(namespace: string | undefined, selector: Labels): string | undefined {
  const keys = Object.keys(selector).sort();
  // The last in order is the likeliest to be an object's own name or uid rather than a label all have in common.
  const key = keys[keys.length - 1];
  return key === undefined ? undefined : `${namespace ?? ''}/${key}=${selector[key]}`;
}
