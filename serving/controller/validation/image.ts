/** Image references as Knative reads them, which is looser than a registry is. Source: go-containerregistry, weak. */
import { missingField, type FieldError } from '../../../api/field-error.ts';
import { fieldError } from './fields.ts';

const REPOSITORY = /^[a-z0-9_\-./]{2,255}$/;
const TAG = /^[A-Za-z0-9_\-.]{0,128}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const REGISTRY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*(?::\d*)?$|^\[[0-9A-Fa-f:.]+\](?::\d*)?$/;

export function validateImage(image: string): FieldError[] {
  if (image === '') return [missingField('image')];
  if (isTagged(image) || isDigested(image)) return [];
  return [
    fieldError(
      'Failed to parse image reference',
      ['image'],
      `image: ${JSON.stringify(image)}, error: could not parse reference: ${image}`,
    ),
  ];
}

function isTagged(name: string): boolean {
  const colon = name.lastIndexOf(':');
  if (colon < 0 || name.indexOf('/', colon) >= 0) return isRepository(name);
  return TAG.test(name.slice(colon + 1)) && isRepository(name.slice(0, colon));
}

function isDigested(name: string): boolean {
  const [base = '', digest = '', ...more] = name.split('@');
  return more.length === 0 && DIGEST.test(digest) && (isTagged(base) || isRepository(base));
}

function isRepository(name: string): boolean {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const hasRegistry = /[.:]/.test(first);
  return REPOSITORY.test(hasRegistry ? name.slice(slash + 1) : name) && (!hasRegistry || REGISTRY.test(first));
}
