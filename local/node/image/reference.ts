/** Image references. Source: the grammar of distribution/reference. */
import { NodeError } from '../errors.ts';

export interface ImageReference {
  /** Without the registries that mean "here": `hello`, `team/hello`, `ghcr.io/team/hello`. */
  readonly name: string;
  readonly tag: string;
  /** `sha256:…`; wins over the tag. */
  readonly digest?: string;
}

/** What Docker's and Knative's clients write before a name that has no registry, and the registries that stand for this machine. */
const IMPLIED = [
  'index.docker.io/library/',
  'docker.io/library/',
  'index.docker.io/',
  'docker.io/',
  'dev.local/',
  'ko.local/',
  'kind.local/',
];

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST = '(?:[a-zA-Z0-9-]+(?:\\.[a-zA-Z0-9-]+)*(?::\\d+)?/)?';
const REFERENCE = new RegExp(
  `^(${HOST}${COMPONENT}(?:/${COMPONENT})*)(?::([\\w][\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
);
const LONGEST_NAME = 255;

/** @throws NodeError InvalidReference */
export function parseReference(text: string): ImageReference {
  const [, whole, tag, digest] = REFERENCE.exec(text) ?? [];
  if (whole === undefined || whole.length > LONGEST_NAME)
    throw new NodeError(
      'InvalidReference',
      `invalid image name ${JSON.stringify(text.slice(0, LONGEST_NAME))}: want NAME, NAME:TAG or NAME@sha256:DIGEST, the name in lower case`,
    );
  const implied = IMPLIED.find((prefix) => whole.startsWith(prefix));
  const name = implied === undefined ? whole : whole.slice(implied.length);
  return { name, tag: tag ?? 'latest', ...(digest === undefined ? {} : { digest }) };
}

/** The path that an image reference of the form `/path` or `file:///path` names. */
export function executablePath(reference: string): string | undefined {
  if (reference.startsWith('/')) return reference;
  if (!reference.startsWith('file:///')) return undefined;
  try {
    return decodeURIComponent(reference.slice('file://'.length));
  } catch {
    return undefined;
  }
}
