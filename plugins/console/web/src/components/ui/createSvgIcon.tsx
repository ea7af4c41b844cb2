import type { ReactNode, SVGProps } from "react";

/** Makes an icon of @mui/icons-material: plain SVG, where Material UI would make rules for each while the page runs.
 *  vite.config.ts puts this in the place of theirs. */
export default function createSvgIcon(content: ReactNode) {
  return function Icon({
    fontSize,
    className = "",
    ...rest
  }: Omit<SVGProps<SVGSVGElement>, "fontSize"> & { fontSize?: "small" }) {
    return (
      <svg
        className={`MuiSvgIcon-root icon ${fontSize ?? ""} ${className}`}
        viewBox="0 0 24 24"
        focusable="false"
        aria-hidden
        {...rest}
      >
        {content}
      </svg>
    );
  };
}
