//! Why: each indicator with its bound, baseline, worst sample and interval; then the fault's part.

use super::escape::{self, t};
use super::page::{glyph, look, word};
use crate::model::{Cause, Model, Row, Rung};
use crate::number;

pub(super) fn section(model: &Model) -> String {
    let mut out =
        format!("<section aria-labelledby=\"why\"><h2 id=\"why\">{}</h2>\n", t("Why", "为什么"));
    if !model.rows.is_empty() {
        out.push_str(&table(model));
    }
    let panels: Vec<String> =
        [part(model), measured(model), next(model)].into_iter().flatten().collect();
    if !panels.is_empty() {
        out.push_str(&format!("<div class=\"two\">\n{}</div>\n", panels.concat()));
    }
    out.push_str("</section>\n");
    out
}

fn table(model: &Model) -> String {
    let head = [
        ("", t("Indicator", "指标")),
        (" class=\"r\"", t("Baseline", "基线")),
        (" class=\"r\"", t("Worst sample", "最差样本")),
        ("", t("During the fault, 99 % confidence sequence", "故障期间，99 % 置信序列")),
        (" class=\"r\"", t("Anomalous samples", "异常样本")),
        (" class=\"r\"", "E".into()),
        ("", t("Outcome", "结论")),
    ];
    let head: String =
        head.iter().map(|(class, text)| format!("<th scope=\"col\"{class}>{text}</th>")).collect();
    let rows: String = model.rows.iter().map(row).collect();
    format!(
        "<div class=\"panel\"><table class=\"sli\"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\
         </tbody></table></div>\n"
    )
}

fn row(row: &Row) -> String {
    let n = |n: Option<u64>| match n {
        Some(n) => format!("<span class=\"sub\">n = {}</span>", number::count(n)),
        None => String::new(),
    };
    let worst = if row.worst_outside { " class=\"c-refuted\"" } else { "" };
    let look = look(row.tone());
    let gaps = match row.gaps {
        0 => String::new(),
        gaps => {
            format!(" · {}", escape::text(&number::plural(gaps.into(), "gap", "gaps")))
        }
    };
    let during = match row.n {
        Some(n) => format!("{} · n = {}{gaps}", row.during.text(), number::count(n)),
        None => format!("{}{gaps}", row.during.text()),
    };
    format!(
        "<tr><th scope=\"row\"><b{lang}>{name}</b><span class=\"sub\">{expected} {bound}</span></th>\
         <td class=\"r base\"><span class=\"cap\">{cap_base}</span>{baseline}{baseline_n}</td>\
         <td class=\"r worst\"><span class=\"cap\">{cap_worst}</span><b{worst}>{worst_text}</b>{worst_n}</td>\
         <td class=\"ivc\">{bar}<span class=\"sub\">{during}</span></td>\
         <td class=\"r strikes\"><span class=\"cap\">{cap_strikes}</span>{strikes} / {samples}</td>\
         <td class=\"r ev\"><span class=\"cap\">E</span><b>{e}</b></td>\
         <td class=\"out\"><span class=\"tag t-{look}\">{glyph}{word}</span></td></tr>\n",
        lang = escape::lang(&row.name),
        name = escape::text(&row.name),
        expected = t("expected", "期望"),
        bound = escape::prose(&row.bound),
        cap_base = t("baseline", "基线"),
        cap_worst = t("worst", "最差"),
        cap_strikes = t("anomalous", "异常"),
        baseline = escape::prose(&row.baseline),
        baseline_n = n(row.baseline_n),
        worst_text = escape::prose(&row.worst),
        worst_n = n(row.worst_n),
        bar = bar(row),
        during = escape::prose(&during),
        strikes = number::count(row.strikes.into()),
        samples = number::count(row.samples.into()),
        e = row.e_text(),
        glyph = glyph(look),
        word = word(row.word()),
    )
}

/// The interval beside the limit, on a scale of its own.
fn bar(row: &Row) -> String {
    let Some(bar) = row.during.bar else { return String::new() };
    let all = [bar.low, bar.high, bar.share, bar.limit];
    let low = all.iter().copied().fold(f64::INFINITY, f64::min).clamp(0.0, 1.0);
    let high = all.iter().copied().fold(0.0, f64::max).clamp(low, 1.0);
    let span = (high - low).max(1e-9);
    let x = |v: f64| 17.0 + (v.clamp(low, high) - low) / span * 66.0;
    let (x0, x1) = (x(bar.low), x(bar.high));
    let look = look(row.tone());
    let sign = if bar.at_least { "≥" } else { "≤" };
    let limit = number::percent(bar.limit, None);
    let limit = limit.strip_suffix(".0").unwrap_or(&limit);
    // The limit's label stands on the side away from the interval; within it there is no room, and
    // the bound is named beside the indicator.
    let (dx, anchor) = if bar.limit >= bar.share { (6, "start") } else { (-6, "end") };
    let named = match bar.low < bar.limit && bar.limit < bar.high {
        true => String::new(),
        false => format!(
            "<text x=\"{:.1}%\" dx=\"{dx}\" y=\"17\" text-anchor=\"{anchor}\">{sign}\u{a0}{limit}</text>",
            x(bar.limit)
        ),
    };
    format!(
        "<svg class=\"iv iv-{look}\" height=\"26\" role=\"img\" aria-label=\"{label}\">\
         <line class=\"ivax\" x1=\"0\" x2=\"100%\" y1=\"13\" y2=\"13\"/>\
         <rect class=\"ivb\" x=\"{x0:.1}%\" width=\"{width:.1}%\" y=\"8.5\" height=\"9\" rx=\"2\"/>\
         <line class=\"ivp\" x1=\"{xs:.1}%\" x2=\"{xs:.1}%\" y1=\"6\" y2=\"20\"/>\
         <line class=\"ivt\" x1=\"{xl:.1}%\" x2=\"{xl:.1}%\" y1=\"2\" y2=\"24\"/>\
         {named}</svg>",
        label = escape::text(&format!("{}, limit {sign} {limit} %", row.during.text())),
        width = (x1 - x0).max(0.6),
        xs = x(bar.share),
        xl = x(bar.limit),
    )
}

/// What the fault did, and how far the data supports that it did the damage.
fn part(model: &Model) -> Option<String> {
    if model.causes.is_empty() {
        return None;
    }
    let judged = model.causes.iter().any(|c| c.rung.is_some());
    let title = match judged {
        true => t("What the fault did", "故障的作用"),
        false => t("Effect of the fault", "故障效果"),
    };
    let causes: String = model.causes.iter().map(cause).collect();
    let note = match judged {
        true => t(
            "“Caused” is only said at rung E, by switching the fault on and off at random.",
            "只有 E 级（随机开关故障）才会写“由其造成”。",
        ),
        false => t(
            "A fault that shows no effect makes a run invalid; this one is measured at its target.",
            "没有效果的故障会使运行无效；此处的效果在目标上测得。",
        ),
    };
    Some(format!(
        "<div class=\"panel\"><h3>{title}</h3>\n{causes}<p class=\"note\">{note}</p></div>\n"
    ))
}

/// What the design of the run shows beyond the samples: the random switch, untouched instances,
/// and what it cost.
fn measured(model: &Model) -> Option<String> {
    let list = |title: String, lines: &[String]| {
        let items: String = lines
            .iter()
            .map(|line| format!("<li{}>{}</li>", escape::lang(line), escape::prose(line)))
            .collect();
        if items.is_empty() {
            return items;
        }
        format!("<h3>{title}</h3><ul class=\"tips\">{items}</ul>")
    };
    let burnt: Vec<String> = model.burnt.iter().cloned().collect();
    let all = [
        list(t("Switched at random", "随机开关"), &model.effects),
        list(t("Untouched instances", "未受影响的实例"), &model.controls),
        list(t("Time-outs that cut in", "触发的超时"), &model.time_outs),
        list(t("Error budget burnt", "消耗的错误预算"), &burnt),
    ]
    .concat();
    (!all.is_empty()).then(|| format!("<div class=\"panel\">{all}</div>\n"))
}

fn cause(cause: &Cause) -> String {
    let said = cause.rung.map(|rung| match rung {
        Rung::E => t("caused · rung E", "由其造成 · E 级"),
        Rung::D => t("attributed · rung D", "归因于此 · D 级"),
        Rung::C => t("bit at the target · rung C", "命中目标 · C 级"),
        Rung::A => t("coincident · rung A", "巧合 · A 级"),
    });
    let rung =
        said.map_or(String::new(), |said| format!("<span class=\"tag t-plain\">{said}</span>"));
    let (fault, target) = (escape::text(&cause.fault), escape::text(&cause.target));
    let ladder = cause.rung.map_or(String::new(), |rung| ladder(rung, &cause.target));
    format!(
        "<div class=\"who\"><span class=\"tag t-inject\">{}{fault} → {target}</span>{rung}</div>\
         <p>{}.</p>\n{ladder}",
        glyph("bolt"),
        escape::prose(&cause.effect),
    )
}

fn ladder(reached: Rung, target: &str) -> String {
    let target = escape::text(target);
    let not = t("not examined", "未检验");
    let bite = match reached {
        Rung::A => t("none measured", "未测得"),
        _ => t(&format!("measured at {target}"), &format!("在 {target} 上测得")),
    };
    let share = match reached {
        Rung::D => t("worse than untouched instances", "比未受影响的实例更差"),
        _ => not.clone(),
    };
    let switched = match reached {
        Rung::E => t("followed the switch", "随开关变化"),
        _ => t("not run", "未运行"),
    };
    let steps = [
        ('A', true, t("overlap", "时间重叠"), t("same time", "同一时间")),
        ('B', false, t("path", "调用路径"), not.clone()),
        ('C', reached >= Rung::C, t("bite", "目标证据"), bite),
        ('D', reached == Rung::D, t("share", "超出份额"), share),
        ('E', reached == Rung::E, t("randomized", "随机开关"), switched),
    ];
    let top = match reached {
        Rung::A => 'A',
        Rung::C => 'C',
        Rung::D => 'D',
        Rung::E => 'E',
    };
    let step = |(key, on, name, detail): &(char, bool, String, String)| {
        let class = match (on, *key == top) {
            (true, true) => "on top",
            (true, false) => "on",
            _ => "off",
        };
        format!(
            "<li class=\"{class}\"><span class=\"k\">{key}</span><span class=\"w\">{name}</span>\
             <span class=\"d\">{detail}</span></li>"
        )
    };
    let steps: String = steps.iter().map(step).collect();
    format!("<ol class=\"ladder\">{steps}</ol>\n")
}

/// What to try next, and what a person should know.
fn next(model: &Model) -> Option<String> {
    if model.advice.is_empty() && model.warnings.is_empty() {
        return None;
    }
    let items = |all: &[String]| -> String {
        all.iter()
            .map(|text| format!("<li{}>{}</li>", escape::lang(text), escape::prose(text)))
            .collect()
    };
    let mut out = String::from("<div class=\"panel\">");
    if !model.advice.is_empty() {
        out.push_str(&format!(
            "<h3>{}</h3><ul class=\"tips\">{}</ul>",
            t("What to try", "可尝试"),
            items(&model.advice)
        ));
    }
    if !model.warnings.is_empty() {
        out.push_str(&format!(
            "<h3>{}</h3><ul class=\"tips\">{}</ul>",
            t("Warnings", "警告"),
            items(&model.warnings)
        ));
    }
    out.push_str("</div>\n");
    Some(out)
}
