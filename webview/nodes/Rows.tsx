import { memo, useId } from 'react';
import {
  checkValue,
  type MeasureSpec,
  measureWords,
  type NumberParam,
  type ParamSpec,
  type RangeParam,
} from '../../extension/graph';
import { inputParam } from '../model/actions/params';
import { type NodeData } from '../model/flow';
import { asRange, rangeEnd } from '../model/rangeEnds';
import { useStudio } from '../model/store';
import { valueWords } from '../model/valueWords';
import { rangeSentence, reachedPercent, reachedSteps, scheduleValue, stepPercent } from '../model/stepMaths';
import { type FaceRow } from '../model/face';
import { shortNumber } from '../model/words';
import { NumberInPlace, type NumberProps } from '../ui/NumberControl';
import { NodePicture } from './NodePicture';

/** What a node shows below its ports. */
export const Rows = memo(function Rows({ id, data, selected }: { id: string; data: NodeData; selected: boolean }) {
  const sliding = useStudio((state) => (state.sliding?.id === id ? state.sliding : undefined));
  const shown = sliding ? { ...data, params: { ...data.params, [sliding.param]: sliding.value } } : data;
  return data.face.rows.map((row) => (
    <div key={rowKey(row)} className={`row row-${row.kind}`} style={{ height: row.height }}>
      <Row id={id} data={shown} row={row} selected={selected} />
    </div>
  ));
});

function rowKey(row: FaceRow): string {
  if (row.kind === 'measure') return row.measure.name;
  return row.kind === 'value' || row.kind === 'range' ? row.param.name : row.kind;
}

function Row({ id, data, row, selected }: { id: string; data: NodeData; row: FaceRow; selected: boolean }) {
  switch (row.kind) {
    case 'picture':
      return <NodePicture id={id} data={data} kind={row.picture} selected={selected} />;
    case 'range':
      return <RangeRow id={id} data={data} param={row.param} selected={selected} />;
    case 'curve':
      return <CurveRow id={id} data={data} start={row.start} end={row.end} selected={selected} />;
    case 'measure':
      return <MeasureRow id={id} measure={row.measure} />;
    case 'value': {
      const { param } = row;
      const written = data.node.params && param.name in data.node.params;
      const value = data.params[param.name];
      return (
        <>
          <span className="label">{param.label}</span>
          <span className={written ? 'value' : 'value default'} title={titleOf(param, value)}>
            {param.kind === 'number' || param.kind === 'integer' ? (
              <NumberOnNode {...{ id, data, param, value, selected }} words={valueWords(param, value)} />
            ) : (
              valueWords(param, value)
            )}
          </span>
        </>
      );
    }
  }
}

/** A number of the face, edited where it stands. */
function NumberOnNode(
  props: Pick<NumberProps, 'data' | 'param' | 'value' | 'endOf'> & { id: string; words: string; selected: boolean },
) {
  const { id, data, param, value, endOf, words, selected } = props;
  const readOnly = useStudio((state) => state.readOnly);
  const inputId = useId();
  const whole = endOf?.param ?? param;
  return (
    <NumberInPlace
      {...{ node: id, data, param, value, inputId, words, ...(endOf && { endOf }) }}
      describedBy=""
      invalid={data.node.params?.[whole.name] !== undefined && checkValue(whole, data.params[whole.name]) !== undefined}
      disabled={readOnly}
      reachable={selected}
      onChange={(next) => inputParam(id, whole.name, next)}
    />
  );
}

function titleOf(param: ParamSpec, value: unknown): string {
  return param.kind === 'pins' ? valueWords(param, value) : String(value ?? '');
}

function MeasureRow({ id, measure }: { id: string; measure: MeasureSpec }) {
  const value = useStudio((state) => state.metrics[id]?.[measure.name]);
  return (
    <>
      <span className="label" title={measure.help}>
        {measure.label}
      </span>
      <MeasureValue measure={measure} value={value} />
    </>
  );
}

/** A number that was found out, and which way is better; a dash before there is one. */
export function MeasureValue({ measure, value }: { measure: MeasureSpec; value: number | undefined }) {
  const direction = `${measure.better} is better`;
  return (
    <span className="value measure" title={`${measure.help} ${direction[0]!.toUpperCase()}${direction.slice(1)}.`}>
      {value === undefined ? '–' : measureWords(measure.name, value)}
      <span
        className={`codicon codicon-arrow-small-${measure.better === 'higher' ? 'up' : 'down'}`}
        role="img"
        aria-label={`(${direction})`}
      />
    </span>
  );
}

/** The step that the run has come to, for the ticks on bars and curves. */
function useStep(): number | undefined {
  return useStudio((state) => state.loopStep);
}

function RangeRow(props: { id: string; data: NodeData; param: RangeParam; selected: boolean }) {
  const { id, data, param, selected } = props;
  const step = useStep();
  const range = asRange(data.params[param.name]);
  if (!range) return <span className="label">{param.label}</span>;
  const acts = `${param.label}: ${rangeSentence(range, data.schedule)}`;
  const end = (which: 0 | 1) => (
    <NumberOnNode {...rangeEnd(param, range, which)} {...{ id, data, selected }} words={shortNumber(range[which])} />
  );
  return (
    <>
      <span className="label" title={acts}>
        {param.label}
      </span>
      <span className="value" title={acts}>
        {end(0)} – {end(1)} %
      </span>
      <RangeBar
        range={range}
        reached={reachedPercent(data.schedule)}
        at={step === undefined ? undefined : stepPercent(step, data.schedule)}
      />
    </>
  );
}

export function RangeBar({ range, reached, at }: { range: readonly [number, number]; reached: number; at?: number }) {
  return (
    <span className="range-bar" aria-hidden="true">
      <span className="range-fill" style={{ left: `${range[0]}%`, width: `${Math.max(0, range[1] - range[0])}%` }} />
      <span className="range-beyond" style={{ left: `${reached}%` }} />
      {at !== undefined && <span className="range-tick" style={{ left: `${at}%` }} />}
    </span>
  );
}

const CURVE = { width: 100, height: 30 };

function CurveRow(props: { id: string; data: NodeData; start: NumberParam; end: NumberParam; selected: boolean }) {
  const { id, data, selected } = props;
  const step = useStep();
  const { [props.start.name]: start, [props.end.name]: end } = data.params;
  const label = <span className="label">{props.start.label}</span>;
  if (typeof start !== 'number' || typeof end !== 'number') return label;
  const top = Math.max(start, end, 1);
  const n = reachedSteps(data.schedule);
  const y = (value: number) => CURVE.height - (Math.max(0, value) / top) * CURVE.height;
  const present = step === undefined || n < 1 ? undefined : scheduleValue(start, end, step, n);
  return (
    <>
      {label}
      <span className="value">
        <NumberOnNode
          {...{ id, data, selected }}
          param={props.start}
          value={start}
          words={valueWords(props.start, start)}
        />
        {' → '}
        <NumberOnNode {...{ id, data, selected }} param={props.end} value={end} words={valueWords(props.end, end)} />
      </span>
      <svg
        className="curve"
        viewBox={`-4 -4 ${CURVE.width + 8} ${CURVE.height + 8}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <line className="curve-base" x1={0} x2={CURVE.width} y1={CURVE.height} y2={CURVE.height} />
        <line className="curve-line" x1={0} y1={y(start)} x2={CURVE.width} y2={y(end)} />
        {present !== undefined && (
          <line
            className="curve-tick"
            x1={(Math.min(step ?? 0, n - 1) / Math.max(1, n - 1)) * CURVE.width}
            x2={(Math.min(step ?? 0, n - 1) / Math.max(1, n - 1)) * CURVE.width}
            y1={y(present) - 5}
            y2={y(present) + 5}
          />
        )}
      </svg>
    </>
  );
}
