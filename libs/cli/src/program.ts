import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Action, Perform } from './action.js';
import type { GlobalOptions } from './context.js';
import { deadLettersCommand } from './commands/dead-letters.js';
import { heldCommand } from './commands/held.js';
import { migrateCommand } from './commands/migrate.js';
import { pauseCommand, resumeCommand } from './commands/pause.js';
import { sqlCommand } from './commands/sql.js';
import { statusCommand } from './commands/status.js';
import type { Terminal } from './terminal.js';

const EPILOGUE = `
The database is that of --data-source, of an ormconfig.js here or in dist, or of DATABASE_URL, in this order.

Exit codes: 0 done, or all is well; 1 all is not well; 2 the arguments make no sense; 3 the database or a statement failed;
4 not confirmed; 130 interrupted. Whatever a command asks for, the relays of the running apps carry out.`;

export function makeProgram(
  { stdout, stderr }: Terminal,
  perform: (options: GlobalOptions, action: Action) => Promise<void>,
): Command {
  const program = new Command('nestjs-turnpike');
  const withOptions: Perform = (action) => perform(program.opts<GlobalOptions>(), action);
  program
    .description('Looks after the outbox of an app: its tables, its dead letters, its held keys.')
    .version(version())
    .addOption(new Option('-d, --data-source <file>', 'a JavaScript module that exports a TypeORM DataSource'))
    .addOption(new Option('--name <outbox>', 'the name in OutboxModule.forRoot({ name })').conflicts('tablePrefix'))
    .addOption(new Option('--table-prefix <prefix>', "what the tables' names begin with (default: turnpike_)"))
    .addOption(new Option('--schema <schema>', 'on Postgres: the schema of the tables (default: by the search path)'))
    .addOption(new Option('--json', 'the result as one JSON document, without progress'))
    .addHelpText('after', EPILOGUE)
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('(--help says what there is)');
  for (const command of [
    migrateCommand(withOptions),
    statusCommand(withOptions),
    deadLettersCommand(withOptions),
    heldCommand(withOptions),
    pauseCommand(withOptions),
    resumeCommand(withOptions),
    sqlCommand(withOptions),
  ]) {
    adopt(program, command);
  }
  return program;
}

/** Settings are copied to commands that are made by their parent, not to those that are added. */
function adopt(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) adopt(command, child);
  if (command.parent !== parent) parent.addCommand(command);
}

function version(): string {
  const manifest = new URL(import.meta.resolve('nestjs-turnpike/package.json'));
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version;
}
