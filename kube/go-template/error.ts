/** A template that does not parse, or that meets data it cannot take; the text is Go's. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
