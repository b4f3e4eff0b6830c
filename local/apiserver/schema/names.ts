/** Kubernetes' rules for names, label keys and label values, with the sentences it answers when they are broken. */

const SUBDOMAIN_PATTERN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const LABEL_PATTERN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS1035_PATTERN = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED_PATTERN = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const VALUE_PATTERN = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const SUBDOMAIN = whole(SUBDOMAIN_PATTERN);
const LABEL = whole(LABEL_PATTERN);
const DNS1035 = whole(DNS1035_PATTERN);
const QUALIFIED = whole(QUALIFIED_PATTERN);
const VALUE = whole(VALUE_PATTERN);

const used = (pattern: string): string => `regex used for validation is '${pattern}'`;
const atMost = (length: number): string => `must be no more than ${length} bytes`;

const SUBDOMAIN_SENTENCE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and " +
  `end with an alphanumeric character (e.g. 'example.com', ${used(SUBDOMAIN_PATTERN)})`;
const LABEL_SENTENCE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with " +
  `an alphanumeric character (e.g. 'my-name',  or '123-abc', ${used(LABEL_PATTERN)})`;
const DNS1035_SENTENCE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
  `and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', ${used(DNS1035_PATTERN)})`;
const QUALIFIED_SENTENCE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  `character (e.g. 'MyName',  or 'my.name',  or '123-abc', ${used(QUALIFIED_PATTERN)})`;
const VALUE_SENTENCE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and " +
  `end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', ${used(VALUE_PATTERN)})`;

/** @returns what is wrong with a name, empty when nothing is */
export type NameRule = (name: string) => string[];

function rule(pattern: RegExp, longest: number, sentence: string): NameRule {
  return (name) => {
    const wrong: string[] = [];
    if (Buffer.byteLength(name) > longest) wrong.push(atMost(longest));
    if (!pattern.test(name)) wrong.push(sentence);
    return wrong;
  };
}

export const dns1123Subdomain = rule(SUBDOMAIN, 253, SUBDOMAIN_SENTENCE);
export const dns1123Label = rule(LABEL, 63, LABEL_SENTENCE);
export const dns1035Label = rule(DNS1035, 63, DNS1035_SENTENCE);
export const labelValue = rule(VALUE, 63, VALUE_SENTENCE);

/** A name that may stand in a URL: roles and their bindings. */
export const pathSegment: NameRule = (name) => {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((mark) => name.includes(mark)).map((mark) => `may not contain '${mark}'`);
};

/** A label or annotation key, a finalizer: `[PREFIX/]NAME`. */
export const qualifiedName: NameRule = (text) => {
  const parts = text.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an ` +
        `alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', ${used(QUALIFIED_PATTERN)}) with an ` +
        `optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const wrong: string[] = [];
  const [prefix, name] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (prefix !== undefined) {
    if (prefix === '') wrong.push('prefix part must be non-empty');
    else wrong.push(...dns1123Subdomain(prefix).map((sentence) => `prefix part ${sentence}`));
  }
  if (name === undefined || name === '') wrong.push('name part must be non-empty');
  else if (name.length > 63) wrong.push(`name part ${atMost(63)}`);
  if (!QUALIFIED.test(name ?? '')) wrong.push(QUALIFIED_SENTENCE);
  return wrong;
};

/** The name of a port: letters, digits and single hyphens, at most 15, with a letter. Source: RFC 6335. */
export const portName: NameRule = (name) => {
  const wrong: string[] = [];
  if (name.length > 15) wrong.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]*$/.test(name)) wrong.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) wrong.push('must contain at least one letter (a-z)');
  if (name.includes('--')) wrong.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) wrong.push('must not begin or end with a hyphen');
  return wrong;
};

/** A key of a ConfigMap or Secret. */
export const dataKey: NameRule = (key) => {
  const wrong: string[] = [];
  if (key.length > 253) wrong.push(atMost(253));
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
    wrong.push(
      `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  ` +
        `or 'key-name', ${used('[-._a-zA-Z0-9]+')})`,
    );
  }
  if (key === '.' || key === '..' || key.startsWith('..'))
    wrong.push(`must not ${key === '.' ? "be '.'" : key === '..' ? "be '..'" : "start with '..'"}`);
  return wrong;
};

/** The name of an environment variable. */
export const envVarName: NameRule = (name) => {
  const wrong: string[] = [];
  if (!/^[ -<>-~]+$/.test(name)) {
    wrong.push("a valid environment variable name must consist only of printable ASCII characters other than '='");
  }
  return wrong;
};
