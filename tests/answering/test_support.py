"""What counts as support, sentence against sentence. A wrong "verified" is the worst fault that Docent can have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.answering.support import claim, common_words, fold, shared, stem, supports

SUPPORTED = [
    # numbers
    ("The rate is 0.5%.", "The rate is .5%."),
    ("The budget is $5M.", "The budget is $5M a year."),
    ("It is decided by one arbitrator.", "It is decided by one arbitrator of the chamber."),
    ("No one pays a fee.", "No one pays a fee here."),
    ("Section 12(a) requires notice.", "Section 12(a) requires a notice."),
    ("The deductible is $2,000.", "The deductible for Northwind Standard is $2,000 per person, per year."),
    ("The deductible is $2000.00.", "The deductible is $2,000."),
    ("The deductible is 2,000 dollars.", "The deductible is $2,000."),
    ("The deductible is USD 2,000.", "The deductible is $2,000."),
    ("The deductible is 2000.", "The deductible is $2,000."),
    ("The deductible is $ 2'000.", "The deductible is $2\u00a0000."),
    ("Co-insurance is 20 percent.", "The co-insurance is 20% of the cost."),
    ("Interest is 2.50 per cent.", "The interest is 2.5%."),
    ("The waiting period is 30 days.", "A waiting period of 30 calendar days applies."),
    ("The waiting period is thirty days.", "The waiting period is 30 days."),
    ("The waiting period is 25 years.", "The waiting period is twenty-five years."),
    ("The 30-day period begins.", "The period of 30 days begins."),
    ("The office opens at 9:00 am.", "The office opens at 9:00 a.m. on Mondays."),
    ("The change was -5%.", "The change was −5%."),
    ("The range is 5-10 days.", "The range is 5-10 days long."),
    # names
    ("The plan pays in Zurich.", "The plan pays in Zürich."),
    ("Plan B covers dental.", "Plan B covers dental."),
    ("The fee goes to O'Brien.", "The fee goes to O'Brien & Sons."),
    ("THE DEDUCTIBLE IS $500 FOR US", "The deductible is $500 for us."),
    # negation
    ("The plan doesn't cover vision.", "Vision is not covered by the plan."),
    ("The plan doesn’t cover vision.", "The plan does not cover vision."),
    ("No, the plan covers dental.", "The plan covers dental."),
    ("Policy No. 5 covers it.", "Policy No. 5 covers all of it."),
    ("There is no deductible.", "There is no deductible for this."),
    # other scripts
    ("该计划的免赔额为2,000元。", "该计划每年的免赔额为每人２０００元。"),
    ("免赔额为2000元。", "该计划每年的免赔\n额为每人2,000元。"),
    ("計画は眼科を含みません。", "この計画は眼科を含みません。"),
    ("공제액은 2,000원입니다.", "이 계획의 공제액은 1인당 2,000원입니다."),
    ("المبلغ هو 2000 ريال", "المبلغ المقتطع هو ٢٬٠٠٠ ريال لكل شخص"),
    ("ההשתתפות היא 2,000 שקל", "ההִשְׁתַּתְּפוּת \u200fהיא\u200f 2,000 שקל לאדם"),
    ("कटौती 2000 रुपये है।", "वार्षिक कटौती २,००० रुपये है।"),
    ("แผนนี้ครอบคลุมทันตกรรม", "แผนนี้ครอบคลุมทันตกรรมทุกปี"),
    ("The plan pays in Zu\u0308rich cafe\u0301s.", "The plan pays in Zürich cafés."),
    # words
    ("Employees pay the premium.", "Each employee pays the premium."),
    ("It covered policies and businesses.", "It covers the policy of a business."),
]

UNSUPPORTED = [
    # numbers
    ("It is decided by one arbitrator.", "It is decided by three arbitrators."),
    ("It covers one dependent.", "It covers 12 dependents."),
    ("The interest rate is 5%.", "The interest rate is .5%."),
    ("The budget is $5.", "The budget is $5M."),
    ("The budget is $5.", "The budget is $5bn."),
    ("The budget is $5M.", "The budget is $5bn."),
    ("See section 3.1 on notice.", "See section 3.10 on notice."),
    ("Section 12(a) requires notice.", "Section 12(b) requires notice."),
    ("The deductible is $2,000.", "The deductible is $20,000."),
    ("The deductible is $2,000.", "The deductible is $1,000."),
    ("The deductible is $2,000.", "The deductible is waived."),
    ("The deductible is €2,000.", "The deductible is $2,000."),
    ("Co-insurance is $20.", "The co-insurance is 20% of the cost."),
    ("The waiting period is 30 days.", "The waiting period is 30 months."),
    ("The waiting period is five years.", "The waiting period is twenty-five years."),
    ("The waiting period is two years.", "The waiting period is three years."),
    ("The waiting period is one year.", "The waiting period is two years."),
    ("Revenue was $2 million.", "Revenue was $2 billion."),
    ("Revenue was $2.", "Revenue was $2 million."),
    ("The office opens at 9:00 a.m.", "The office opens at 9:00 p.m."),
    ("The deadline is 2024-03-05.", "The deadline is 2024-05-03."),
    ("The deadline is 3/5/2024.", "The deadline is 5/3/2024."),
    ("The change was -5%.", "The change was 5%."),
    ("The change was 5%.", "The change was -5%."),
    ("Take 5 mg daily.", "Take 5 g daily."),
    ("It costs 2 euros.", "It costs 2.000 euros."),
    ("It costs $1.5.", "It costs $15."),
    # names
    ("The deadline is May 5.", "The deadline is June 5, and employees may apply."),
    ("The plan is by Alice.", "The plan is by Bob."),
    ("Plan A covers dental.", "Plan B covers dental."),
    ("The fund pays US employees.", "The fund pays UK employees."),
    ("The letter is signed by Miller.", "The letter is signed by Mills."),
    # negation
    ("The plan covers vision.", "The plan does not cover vision."),
    ("The plan does not cover vision.", "The plan covers vision."),
    ("The plan does not cover dental.", "The plan covers dental but not vision."),
    ("All services are covered.", "All services except dental are covered."),
    ("The fee is $50.", "The fee is $50 unless it is waived."),
    ("The tickets are refundable.", "The tickets are non-refundable."),
    ("There is a deductible.", "There is no deductible."),
    ("You can cancel it.", "You cannot cancel it."),
    ("You can cancel it.", "You can't cancel it."),
    ("You can cancel it.", "You can’t cancel it."),
    ("Der Tarif zahlt Zähne.", "Der Tarif zahlt Zähne nicht."),
    # opposites
    ("The employer pays the premium.", "The employee pays the premium."),
    ("Members need more than 50 points.", "Members need less than 50 points."),
    ("Apply before March 1.", "Apply after March 1."),
    ("The out-of-network deductible is $50.", "The in-network deductible is $50."),
    ("Full-time staff get 20 days.", "Part-time staff get 20 days."),
    ("The plan includes dental care.", "The plan excludes dental care."),
    # other scripts
    ("免赔额为3,000元。", "该计划每年的免赔额为每人2,000元。"),
    ("免赔额为2,000美元。", "该计划每年的免赔额为每人2,000元。"),
    ("等待期为30个月。", "等待期为30天。"),
    ("公司为兼职员工提供二十七天带薪年假。", "公司为全职员工提供二十七天带薪年假。"),
    ("该计划包括视力保健。", "该计划不包括视力保健。"),
    ("李四是公司的经理。", "张三是公司的经理。"),
    ("計画は眼科を含みます。", "この計画は眼科を含みません。"),
    ("계획은 치과를 포함합니다.", "계획은 치과를 포함하지 않습니다."),
    ("علي مدير الشركة الكبرى في دبي", "أحمد مدير الشركة الكبرى في دبي"),
    ("الخطة تشمل النظر", "الخطة لا تشمل النظر"),
    ("המבצע כולל ראייה", "המבצע לא כולל ראייה"),
    ("योजना दृष्टि देखभाल देती है", "योजना दृष्टि देखभाल नहीं देती है"),
    ("แผนนี้ครอบคลุมสายตา", "แผนนี้ไม่ครอบคลุมสายตา"),
    ("План покрывает зрение.", "План не покрывает зрение."),
    ("El plan cubre la vista.", "Ningún plan cubre la vista."),
    # words
    ("The annual copay is $2,000.", "The annual deductible is $2,000."),
    ("The plan covers vision.", "The plan covers dental."),
    # one word of many exchanged
    (
        "The Aurora plan covers yearly vision care for adult members of the family.",
        "The Aurora plan covers yearly dental care for adult members of the family.",
    ),
    ("", "The plan covers dental."),
    ("It is what it is.", "It is what it is."),
]


@pytest.mark.parametrize(("said", "quote"), SUPPORTED)
def test_supported(said: str, quote: str) -> None:
    assert supports(claim(said), claim(quote))


@pytest.mark.parametrize(("said", "quote"), UNSUPPORTED)
def test_not_supported(said: str, quote: str) -> None:
    assert not supports(claim(said), claim(quote))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2,000.00", {"2000"}),
        ("1,234,567.50", {"1234567.5"}),
        ("2.000", {"2.000"}),
        ("0.500", {"0.5"}),
        ("1,5", {"1,5"}),
        ("２０００", {"2000"}),
        ("٢٬٠٠٠٫٥", {"2000.5"}),
        ("۲۰۰۰", {"2000"}),
        ("२०००", {"2000"}),
        ("30天", {"30", "30 日"}),
        ("2万元", {"2 万", "2 万 元"}),
        ("2024年3月5日", {"2024", "2024 年", "3", "3 月", "5", "5 日"}),
        ("$5", {"5", "5 $"}),
        ("5 $", {"5", "5 $"}),
        ("EUR 5", {"5", "5 €"}),
        ("5%", {"5", "5 %"}),
        ("$2 million", {"2 million", "2 million $"}),
        ("2 million dollars", {"2 million", "2 million $"}),
        ("three hundred", {"3 hundred"}),
        ("ninety-nine", {"99"}),
        ("one of them", set()),
        ("one day", {"1", "1 day"}),
        ("-3", {"-3"}),
        ("3-4", {"3", "4"}),
        ("10 a.m.", {"10", "10 am"}),
        ("I am 10", {"10"}),
        ("5 to 6 days", {"5", "6", "6 day"}),
        ("24/7", {"24/7"}),
        ("401(k)", {"401", "401 k"}),
        ("no numbers here", set()),
        ("costs 500. Days later", {"500"}),
    ],
)
def test_numbers(text: str, numbers: set[str]) -> None:
    assert claim(text).numbers == numbers


def test_names_are_words_in_upper_case_that_begin_no_sentence() -> None:
    said = claim(
        "Employees of Northwind Health in the US ask Dr. Jane. The plan, I think, begins in May: Details follow"
    )
    assert said.names == {"northwind", "health", "us", "dr", "may"}


def test_the_first_word_is_a_name_where_the_texts_do_not_use_it_as_a_word() -> None:
    common = common_words(["Every employee pays. NOTHING else", "What do employees pay?"])
    assert claim("Employees pay it.", common).names == frozenset()
    assert claim("Contoso pays it.", common).names == {"contoso"}
    assert claim("However, they pay it.", common).names == frozenset()
    assert claim("Additionally they pay it.", common).names == frozenset()
    assert claim("The plan pays it.", common).names == frozenset()
    assert claim("Contoso pays it.").names == frozenset()


@pytest.mark.parametrize(
    "family",
    [
        "cover covers covered covering",
        "policy policies",
        "apply applies applied applying",
        "plan plans planned planning",
        "business businesses",
        "employee employees",
        "employer employers",
        "deductible deductibles",
        "expense expenses",
        "fee fees",
    ],
)
def test_forms_of_a_word_have_one_stem(family: str) -> None:
    assert len({stem(word) for word in family.split()}) == 1


@pytest.mark.parametrize(("one", "other"), [("employer", "employee"), ("miller", "mills"), ("in", "inn")])
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_folding() -> None:
    assert [fold(word) for word in ("Zürich", "ÉCOLE", "straße", "ﬁne")] == ["zurich", "ecole", "strasse", "fine"]


@given(st.text(), st.text())
def test_any_text_can_be_compared(one: str, other: str) -> None:
    said, quoted = claim(one), claim(other)
    assert 0 <= shared(said, quoted) <= 1
    assert supports(said, quoted) in (True, False)
    if said.words or said.numbers:
        assert supports(said, said)
        assert shared(said, said) == 1


@given(
    st.lists(st.sampled_from("The plan pays $5 5% 30 days not no covers Aurora two May US A . , except 9 a.m.".split()))
)
def test_every_sentence_supports_itself(words: list[str]) -> None:
    said = claim(" ".join(words))
    assert supports(said, said) == bool(said.words or said.numbers)


@pytest.mark.timeout(60)
def test_a_sentence_of_any_length_takes_linear_time() -> None:
    """Quadratic time would be hours here; the limit only keeps such a fault from hanging the run."""
    for text in ("Word not 5 days, " * 60_000, "x" * 1_000_000, "5" * 1_000_000, "-" * 1_000_000, "5 " * 300_000):
        claim(text)
