import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './source-files';

const PROGRAM = join(ROOT, 'test/fixtures/programs/scene_maker.py');
const ARGUMENTS = ['--background', '-noaudio', '--factory-startup', '--python', PROGRAM];

/** A scene to be made: Python lines, and the path at which Blender saves the result. */
export interface SceneWanted {
  readonly script: string;
  readonly path: string;
  readonly compress: boolean;
}

/** One Blender that makes many scenes, each from the factory settings: its start takes far longer than a scene. */
export class SceneMaker {
  private readonly blender = spawn('blender', ARGUMENTS, { stdio: ['pipe', 'pipe', 'pipe'] });
  private readonly answers: Array<(answer: Error | null) => void> = [];
  /** The end of its output. */
  private said = '';
  private ended = false;

  constructor() {
    const hear = (line: string): void => void (this.said = `${this.said}${line}\n`.slice(-8000));
    createInterface({ input: this.blender.stderr }).on('line', hear);
    createInterface({ input: this.blender.stdout }).on('line', (line) => {
      if (!line.startsWith('MADE ')) return hear(line);
      const fault: string | null = JSON.parse(line.slice('MADE '.length));
      this.answers.shift()?.(fault === null ? null : new Error(`the scene could not be made: ${fault}`));
    });
    const end = (why: string): void => {
      this.ended = true;
      for (const answer of this.answers.splice(0)) answer(new Error(`${why}: ${this.said}`));
    };
    this.blender.once('error', ({ message }) => end(message));
    this.blender.once('close', (code, signal) => end(`Blender ended with ${code ?? signal}`));
    this.blender.stdin.on('error', () => {});
  }

  /** Rejects if the script fails, or if Blender ends. */
  make(wanted: SceneWanted): Promise<void> {
    return new Promise((resolve, reject) => {
      this.answers.push((answer) => (answer ? reject(answer) : resolve()));
      this.blender.stdin.write(`${JSON.stringify(wanted)}\n`);
    });
  }

  get hasEnded(): boolean {
    return this.ended;
  }

  stop(): void {
    this.blender.kill('SIGKILL');
  }
}
