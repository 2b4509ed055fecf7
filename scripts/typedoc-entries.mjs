// A plugin for TypeDoc: names the modules as users import them, and sees to it that every public entry is there.

import { readFileSync } from 'node:fs';
import { Converter, ReflectionKind } from 'typedoc';

/** @param {import('typedoc').Application} app */
export function load(app) {
  const { name, exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'));
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const modules = project.getChildrenByKind(ReflectionKind.Module);
    for (const one of modules) one.name = `${name}/${one.name.replace('/src', '').replace('/publishers', '')}`;
    const named = new Set(modules.map((one) => one.name));
    for (const entry of entries) {
      if (!named.delete(name + entry.slice(1))) app.logger.error(`${name}${entry.slice(1)} is not in the reference`);
    }
    for (const one of named) app.logger.error(`${one} is in the reference, and is no public entry`);
  });
}
