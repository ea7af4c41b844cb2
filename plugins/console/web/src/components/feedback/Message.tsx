import ErrorIcon from "@mui/icons-material/ErrorOutlined";
import InfoIcon from "@mui/icons-material/InfoOutlined";
import WarningIcon from "@mui/icons-material/ReportProblemOutlined";
import type { ReactNode } from "react";

const icons = { error: <ErrorIcon />, info: <InfoIcon />, warning: <WarningIcon /> };

/** A message on the page, as Material UI's Alert shows it. */
export function Message({
  severity,
  action,
  quiet,
  children,
}: {
  severity: keyof typeof icons;
  action?: ReactNode;
  quiet?: boolean;
  children: ReactNode;
}) {
  return (
    <div role={quiet ? undefined : "alert"} className={`message ${severity}`}>
      {icons[severity]}
      <div className="grow">{children}</div>
      {action}
    </div>
  );
}
