import { type MouseEvent, type ReactNode, useId, useState } from 'react';
import { checkValue, type ParamSpec, sameValue } from '../../extension/graph';
import { Help } from '../ui/Help';
import { Icon, Tool } from '../ui/Icon';
import { inputParam, resetParam } from '../model/actions/params';
import { sweepParam } from '../model/actions/sweeps';
import { type NodeData } from '../model/flow';
import { useStudio } from '../model/store';
import { canSweep } from '../model/sweepAxis';
import { rangeSentence } from '../model/stepMaths';
import { asRange } from '../model/rangeEnds';
import { AxisControl } from './AxisControl';
import { CheckControl, CheckpointControl, ChoiceControl } from './ChoiceControls';
import { Fixes } from './Fixes';
import { DomainControl } from './DomainControl';
import { NumberControl, NumberLabel } from '../ui/NumberControl';
import { ParamMenu } from './ParamMenu';
import { PathControl } from './PathControl';
import { PinsControl } from './PinsControl';
import { RangeControl } from './RangeControl';
import { TextControl } from './TextControl';
import { type ControlProps } from '../ui/controlProps';
import { defaultOfParam, defaultWords } from './defaultWords';

/** One parameter: its name, the control for its kind, and what is wrong with it; what it does is said on request. */
export function ParamField({ id, data, param }: { id: string; data: NodeData; param: ParamSpec }) {
  const inputId = useId();
  const helpId = `${inputId}-help`;
  const [menu, setMenu] = useState<{ x: number; y: number } | undefined>();
  const readOnly = useStudio((state) => state.readOnly);
  const reported = useStudio((state) => state.problemsByNode[id]?.find((problem) => problem.param === param.name));
  const written = data.node.params !== undefined && param.name in data.node.params;
  // What is typed or dragged counts before the document has it: the next key goes on from there.
  const held = useStudio((state) =>
    state.sliding?.id === id && state.sliding.param === param.name ? state.sliding : undefined,
  );
  const value = held ? held.value : data.params[param.name];
  const wrong = written ? (checkValue(param, value) ?? reported?.message) : reported?.message;
  const fallback = defaultOfParam(data, param);
  const differs = written && !sameValue(value, fallback);
  const props: ControlProps = {
    node: id,
    param,
    value,
    data,
    inputId,
    describedBy: helpId,
    invalid: wrong !== undefined,
    disabled: readOnly,
    onChange: (next) => inputParam(id, param.name, next),
  };
  const sweeps = canSweep(data.node.type, param);
  const openMenu = (event: MouseEvent) => {
    // Text keeps its own menu, with Paste.
    if (event.target instanceof Element && event.target.matches('input[type=text], textarea')) return;
    event.preventDefault();
    event.stopPropagation();
    setMenu({ x: event.clientX, y: event.clientY });
  };
  return (
    <div
      className="param"
      data-testid={`param-${param.name}`}
      data-param={param.name}
      onContextMenu={(event) => sweeps && openMenu(event)}
    >
      <div className="param-head">
        {param.kind === 'range' || param.kind === 'pins' ? (
          <span className="param-label" id={inputId}>
            {param.label}
          </span>
        ) : param.kind === 'number' || param.kind === 'integer' ? (
          <NumberLabel props={{ ...props, param }} />
        ) : (
          <label htmlFor={inputId}>{param.label}</label>
        )}
        <Help id={helpId} about={param.label}>
          {param.help}
          {!param.required && ` Default: ${defaultWords(data, param)}.`}
        </Help>
        <span className="note">{noteOf(param, value, data)}</span>
        {(differs || (written && fallback === undefined)) && !param.required && (
          <Tool
            icon="discard"
            className="reset"
            label={`Reset ${param.label} to its default, ${defaultWords(data, param)}`}
            disabled={readOnly}
            data-testid={`reset-${param.name}`}
            onClick={() => resetParam(id, param.name)}
          />
        )}
      </div>
      {menu && (
        <ParamMenu
          at={menu}
          label={param.label}
          onClose={() => setMenu(undefined)}
          actions={[
            { label: 'Sweep this…', icon: 'table', disabled: readOnly, act: () => sweepParam(id, param.name) },
            {
              label: 'Reset to default',
              icon: 'discard',
              disabled: readOnly || !written || param.required === true,
              act: () => resetParam(id, param.name),
            },
          ]}
        />
      )}
      {controlOf(props)}
      {wrong !== undefined && (
        <p className="param-error" role="alert" data-testid={`error-${param.name}`}>
          <Icon name="error" />
          <span>
            {wrong}
            {reported && <Fixes problem={reported} />}
          </span>
        </p>
      )}
    </div>
  );
}

function controlOf(props: ControlProps): ReactNode {
  const { param } = props;
  switch (param.kind) {
    case 'number':
    case 'integer':
      return <NumberControl {...props} param={param} />;
    case 'range':
      return <RangeControl {...props} param={param} />;
    case 'boolean':
      return <CheckControl {...props} param={param} />;
    case 'choice':
      return <ChoiceControl {...props} param={param} />;
    case 'checkpoint':
      return <CheckpointControl {...props} param={param} />;
    case 'path':
      return <PathControl {...props} param={param} />;
    case 'domain':
      return <DomainControl {...props} param={param} />;
    case 'axis':
      return <AxisControl {...props} param={param} />;
    case 'text':
      return <TextControl {...props} param={param} />;
    case 'pins':
      return <PinsControl {...props} param={param} />;
  }
}

function noteOf(param: ParamSpec, value: unknown, data: NodeData): string {
  if (param.kind !== 'range') return '';
  const range = asRange(value);
  return range ? rangeSentence(range, data.schedule) : '';
}
