/**
 * `npm run demo`: two nodes in two processes share a room, take and send signed webhooks, and lose nothing over an outage.
 * Ends with 0 only if every step held.
 */
import { journey, SPOILS } from './journey.js';
import { openStage } from './stage.js';
import { Story, StepFailed } from './story.js';

const story = new Story((line) => process.stdout.write(`${line}\n`));
const spoil = SPOILS.find((one) => process.argv.includes(`--spoil=${one}`));
const stage = await openStage();

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stage.close().then(() => process.exit(130), () => process.exit(1));
  });
}

try {
  await journey(story, stage, spoil);
  story.heading('Every step held.');
} catch (error) {
  process.exitCode = 1;
  if (!(error instanceof StepFailed)) console.error(error);
  for (const node of [stage.a, stage.b]) if (node.output !== '') story.heading(`What ${node.name} printed:\n\n${node.output.slice(-4_000)}`);
  story.heading('NOT every step held.');
} finally {
  await stage.close();
}
