/** Content negotiation: in which form an answer goes out. Source: Kubernetes API concepts, "Alternate representations". */

export type Form = 'json' | 'yaml' | 'table' | 'partial' | 'discovery';

export interface Representation {
  readonly form: Form;
  /** Version of the form's group: `v1` of meta.k8s.io, `v2` of apidiscovery.k8s.io. */
  readonly version: string;
}

export const ACCEPTED = ['application/json', 'application/yaml'];

const PLAIN: Representation = { form: 'json', version: '' };

/**
 * The best form this server has for an Accept header, undefined when it has none (protobuf alone).
 * @param discovery is the aggregated discovery document on offer?
 */
export function negotiate(accept: string | undefined, discovery = false): Representation | undefined {
  if (accept === undefined || accept.trim() === '') return PLAIN;
  for (const clause of clausesOf(accept)) {
    const found = formOf(clause.type, clause.parameters, discovery);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

function clausesOf(accept: string): Clause[] {
  const clauses = accept.split(',').map((part): Clause => {
    const [type = '', ...rest] = part.split(';').map((piece) => piece.trim());
    const parameters = new Map(
      rest.map((piece): [string, string] => {
        const equals = piece.indexOf('=');
        return equals < 0
          ? [piece, '']
          : [piece.slice(0, equals).trim(), piece.slice(equals + 1).replace(/^"|"$/g, '')];
      }),
    );
    const quality = Number(parameters.get('q') ?? 1);
    return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
  });
  // The sort is stable: among equals the client's order counts.
  return clauses.filter((clause) => clause.quality > 0).sort((a, b) => b.quality - a.quality);
}

function formOf(type: string, parameters: ReadonlyMap<string, string>, discovery: boolean): Representation | undefined {
  const as = parameters.get('as');
  const version = parameters.get('v') ?? '';
  const isJson = type === 'application/json' || type === '*/*' || type === 'application/*';
  if (as === undefined) {
    if (isJson) return PLAIN;
    return type === 'application/yaml' ? { form: 'yaml', version: '' } : undefined;
  }
  if (!isJson) return undefined;
  const group = parameters.get('g');
  if (group === 'apidiscovery.k8s.io' && as === 'APIGroupDiscoveryList')
    return discovery && (version === 'v2' || version === 'v2beta1') ? { form: 'discovery', version } : undefined;
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return { form: 'table', version };
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { form: 'partial', version };
  return undefined;
}
