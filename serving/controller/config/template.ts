/** Templates in ConfigMaps, with what Knative calls their data in errors. */
import { TemplateError } from '../../../kube/go-template/error.ts';
import { compileGoTemplate, type GoTemplate } from '../../../kube/go-template/template.ts';
import { ConfigError } from './parse.ts';

export type Template = GoTemplate;

const TYPES: Readonly<Record<string, string>> = {
  'container-template': 'v1.ObjectMeta',
  'domain-template': 'config.DomainTemplateValues',
  'tag-template': 'config.TagTemplateValues',
};

/** @throws ConfigError when it does not parse; so does `render` when a field does not exist */
export function compileTemplate(name: string, source: string): Template {
  const type = TYPES[name];
  const template = inConfig(() => compileGoTemplate(source, { name, ...(type === undefined ? {} : { type }) }));
  return { source, render: (data) => inConfig(() => template.render(data)) };
}

function inConfig<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw error instanceof TemplateError ? new ConfigError(error.message) : error;
  }
}
