import t from 'tap';
import { Answers, at, casesOf, pathOf } from './cases.ts';

const themes = await casesOf('accepted');
const answers = await Answers.open();
t.teardown(() => answers.close());

for (const [theme, cases] of themes)
  t.test(`what is unusual but right is let through: ${theme}`, async (t) => {
    for (const one of cases) {
      const { refused, object } = await answers.answer(one);
      t.equal(refused, undefined, one.name);
      for (const [path, value] of Object.entries(one.gives ?? {}))
        t.strictSame(at(object, pathOf(one.kind ?? 'Service', path)) ?? null, value, `${one.name}: ${path}`);
    }
  });

t.test('there are more than two hundred of them', (t) => {
  t.ok([...themes.values()].flat().length > 200);
  t.end();
});
