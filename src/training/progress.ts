import type { StartEvent, StepEvent, TrainHooks } from "./hooks.js";

/** Where progress is written: a terminal whose last line is rewritten, or a stream of plain lines. */
export interface ProgressSink {
  readonly terminal: boolean;
  /** Characters in a line of the terminal. */
  readonly columns: number;
  write(text: string): void;
}

const REDRAW_MS = 100;
/** Columns left free at a terminal's right end, so that an echoed `^C` does not begin a new line. */
const ROOM = 3;
/** Weight of the newest step in the running mean of step times. */
const SPEED_WEIGHT = 0.1;

/**
 * Callbacks that show a training's progress: epoch, step, losses, images/s, time left, memory.
 * A terminal has one line that is rewritten; elsewhere there is a line every `printEvery` steps.
 */
export function progressHooks(sink: ProgressSink, printEvery: number): TrainHooks & { end(): void } {
  let start: StartEvent | undefined;
  let times: StepTimes | undefined;
  let steps = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let openLine = false;

  const closeLine = () => {
    if (openLine) sink.write("\n");
    openLine = false;
  };
  const printLine = (line: string) => {
    if (openLine) sink.write("\r\x1b[K");
    openLine = false;
    sink.write(`${line}\n`);
  };

  return {
    onStart(event) {
      start = event;
      const from = event.step === 0 ? "" : `, continuing after step ${event.step}`;
      const end =
        event.deadline === undefined
          ? `to step ${event.totalSteps}`
          : `for ${duration(secondsTo(event.deadline))}`;
      printLine(`training ${end}, ${event.batchesPerEpoch} steps an epoch${from}`);
    },
    onStep(event) {
      const step = { whole: event.seconds + event.dataSeconds, waiting: event.dataSeconds };
      // The first step compiles the model: it says nothing about the others.
      const mean = steps < 2 || times === undefined ? step : times;
      times = {
        whole: mean.whole + SPEED_WEIGHT * (step.whole - mean.whole),
        waiting: mean.waiting + SPEED_WEIGHT * (step.waiting - mean.waiting),
      };
      steps++;
      const last = event.step === start?.totalSteps;
      if (sink.terminal) {
        if (performance.now() - drawnAt < REDRAW_MS && !last) return;
        drawnAt = performance.now();
        const line = progressLine(event, start, times, process.memoryUsage.rss());
        sink.write(`\r${line.slice(0, sink.columns - ROOM)}\x1b[K`);
        openLine = true;
      } else if (event.step % printEvery === 0 || last) {
        printLine(progressLine(event, start, times, process.memoryUsage.rss()));
      }
    },
    onEpochEnd(event) {
      closeLine();
      if (event.validation !== undefined) {
        const best = event.best === true ? ", the best so far" : "";
        printLine(`epoch ${event.epoch}: validation ${significant(event.validation)}${best}`);
      }
    },
    onSample: ({ path }) => printLine(`wrote ${path}`),
    onCheckpoint: ({ path }) => printLine(`saved ${path}`),
    onNotice: printLine,
    end: closeLine,
  };
}

/** Mean seconds of a step with the wait for its batch, and of that wait. */
interface StepTimes {
  readonly whole: number;
  readonly waiting: number;
}

/** A smaller share of the time that is spent waiting for images is not worth a word. */
const NOTED_WAITING = 0.02;

/**
 * One line: `epoch 3/200  step 812/54200  3 h 38 min left  4.1 img/s  1.9 GiB  G_GAN 0.71  G_L1 12.3`; without the
 * totals where a time ends the training, and with the share of the time that goes into waiting for images where that is 2 % or more. The losses come last: a narrow terminal cuts them off.
 */
export function progressLine(
  event: StepEvent,
  start: StartEvent | undefined,
  { whole, waiting }: StepTimes,
  memoryBytes: number,
): string {
  const { lastEpoch = event.epoch, totalSteps = event.step, deadline } = start ?? {};
  const left = deadline === undefined ? (totalSteps - event.step) * whole : secondsTo(deadline);
  const losses = Object.entries(event.losses).map(([name, value]) => `${name} ${significant(value)}`);
  return [
    `epoch ${event.epoch}${of(lastEpoch)}`,
    `step ${event.step}${of(totalSteps)}`,
    `${duration(left)} left`,
    `${significant(event.images / whole)} img/s`,
    `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    ...(waiting < NOTED_WAITING * whole ? [] : [`${percent(waiting / whole)} waiting for images`]),
    ...losses,
  ].join("  ");
}

const of = (total: number): string => (Number.isFinite(total) ? `/${total}` : "");

const secondsTo = (deadline: number): number => Math.max(0, deadline - performance.now()) / 1000;

/** Seconds as people say them: `45 s`, `12 min`, `3 h 38 min`, `2 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A share in percent, the small ones with a digit more: `0.4 %`, `12 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.095 ? 1 : 0)} %`;
}

function significant(value: number): string {
  return String(Number(value.toPrecision(3)));
}
