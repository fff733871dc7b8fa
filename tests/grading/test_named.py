"""What is named beside a number: units and their powers, scale words, times of day, dates, days and directions."""

import pytest

from entmin.grading.gold import Gold
from entmin.grading.mathematics import grade

RIGHT = {
    "units and their powers": [
        ("4 cm²", "4"), ("4 cm^{2}", "4"), (r"4\,\text{cm}^{2}", "4"), (r"4\;\mathrm{cm^2}", "4"),
        (r"4\,\mathrm{cm}^2", "4"), (r"4\text{ cm}^{\text{2}}", "4"), (r"4\text{ cm}²", "4"),
        (r"4 \text{ m/s}^2", "4"), (r"4\ \text{m}/\text{s}^2", "4"), (r"4\ \mathrm{m\,s^{-2}}", "4"),
        (r"4\ \mathrm{m}\cdot\mathrm{s}^{-1}", "4"), (r"4 \frac{\text{m}}{\text{s}^2}", "4"),
        (r"4 \tfrac{\text{m}}{\text{s}}", "4"), (r"4\ \frac{m}{s}", "4"), ("4 m^2", "4"), ("4 m2", "4"),
        ("4 m**2", "4"), ("4 sq. cm", "4"), ("4 sq cm", "4"), ("4 square cm", "4"), ("4 cubic cm", "4"),
        ("4 cu. ft", "4"), ("4 ft^2", "4"), ("4 in^2", "4"), ("4 in.^2", "4"), ("4 km/h", "4"), ("4 km h^{-1}", "4"),
        ("4 N/m^2", "4"), ("4 kg m^2", "4"), ("4 kg·m²", "4"), ("4 kg*m/s^2", "4"),
        (r"4 \text{ kg} \cdot \text{m}^2", "4"), (r"4\text{ units}^3", "4"), ("4 units squared", "4"),
        ("4 units^2", "4"), ("4 unit²", "4"), ("4 meters squared", "4"), ("4 metres cubed", "4"),
        ("4 centimeters squared", "4"), ("4平方米", "4"), ("4 平方厘米", "4"), ("4立方米", "4"), ("4 m²", "4"),
        ("4 ㎡", "4"), ("4 ㎝", "4"), ("4°C", "4"), (r"4^\circ\text{C}", "4"), (r"4\,^{\circ}\mathrm{C}", "4"),
        ("4°F", "4"), (r"4\ \Omega", "4"), ("4 Ω", "4"), ("4 kΩ", "4"), ("4 μm", "4"), ("4 Å", "4"), ("4 %", r"4\%"),
        ("4 per cent", r"4\%"), (r"4 \text{ percent}", r"4\%"), ("4 per hour", "4"), ("4/hour", "4"), ("4 /s", "4"),
        ("4 s^{-1}", "4"), ("4 Hz", "4"), ("$4/hr", "4"), ("4 USD", "4"), ("US$4", "4"), ("4 €", "4"), ("4€", "4"),
        ("¥4", "4"), ("4 yuan", "4"), ("Rs. 4", "4"), ("₹4", "4"), ("4¢", "4"), ("4 ¢", "4"), (r"4\text{¢}", "4"),
        ("4 dozen", "48"), ("4 people", "4"), (r"4 \text{ people}", "4"), (r"\frac{1}{2}\text{ cm}^2", r"\frac12"),
        (r"\sqrt{2}\text{ m}^2", r"\sqrt2"), (r"4\pi\text{ cm}^2", r"4\pi"), ("4π cm²", r"4\pi"),
        ("4 pi cm^2", r"4\pi"), ("x = 4 cm", "4"), (r"A = 4\text{ cm}^2", "4"),
        (r"4 \times 10^3 \text{ m}^2", "4000"), ("4e3 m^2", "4000"), ("4,000 m^2", "4000"),
        (r"4{,}000\text{ m}^2", "4000"), ("4 000 m", "4000"), ("about 4 cm^2", "4"), ("≈ 4 cm^2", "4"),
        ("4 cm^2.", "4"), ("(4 cm^2)", "4"), ("4 (cm^2)", "4"), ("4 [cm]", "4"), ("4 (cm)", "4"),
        (r"4 \, (\text{cm}^2)", "4"), ("4 hours", "4"), ("4hrs", "4"), ("4 h", "4"), ("4 min.", "4"), ("4 sec", "4"),
        ("4 seconds.", "4"), ("4 years old", "4"), ("4 years of age", "4"), ("4 ways", "4"), ("4 solutions", "4"),
        ("4 real solutions", "4"), ("exactly 4 solutions", "4"), ("4 times", "4"), ("4 cm", "4 cm"),
        (r"4\text{ cm}", r"4\text{ cm}"), ("4", r"4\text{ cm}^2"), (r"4\text{ cm}^2", r"4\text{ cm}^2"),
        (r"4\text{ square cm}", r"4\text{ cm}^2"), ("4 cm^2", r"4\text{ cm}^2"), ("4 m/s", "4 m/s"),
        ("4 m/s", r"4\text{ m/s}"), ("4 meters per second", r"4\text{ m/s}"),
    ],
    "scale words": [
        ("3 million", "3000000"), ("3 Million", "3000000"), (r"3\text{ million}", "3000000"),
        (r"\$3\text{ million}", "3000000"), ("$3 million", "3000000"), ("3 million dollars", "3000000"),
        ("3 million USD", "3000000"), ("3.2 million", "3200000"), ("3,200 million", "3200000000"),
        ("3.2 billion", "3.2 billion"), (r"3.2\text{ billion}", r"3.2\text{ billion}"),
        ("3200 million", "3.2 billion"), ("3.2 billion", "3200 million"), ("3 hundred", "300"),
        ("3 hundred thousand", "300000"), ("300 thousand", "300000"), ("3 trillion", "3000000000000"),
        ("3 lakh", "300000"), ("3 crore", "30000000"), ("three million", "3000000"),
        ("3 million people", "3 million"), ("half a million", "500000"), ("half a billion", "500000000"),
        ("a million", "1000000"), ("one million", "1000000"), (r"2\frac12\text{ million}", "2500000"),
        ("300万", "3000000"), ("3百万", "3000000"), ("3千万", "30000000"), ("3亿", "300000000"),
        ("3.5亿元", "350000000"), ("三百万", "3000000"), ("3万人", "30000"), ("3千", "3000"), ("3千米", "3"),
        ("3百", "300"), ("3 thousandths", "0.003"), ("3 hundredths", "0.03"), ("3 tenths", "0.3"),
        ("3 millionths", "0.000003"), ("3 dozens", "36"), ("3 million", "3*10^6"), ("3 million", r"3\times10^6"),
        (r"3 \times 10^6", "3 million"), ("3,000,000", "3 million"), ("3 millions", "3000000"), ("3 billion", "3e9"),
    ],
    "times of day": [
        ("5:30 p.m.", "5:30 p.m."), ("5:30 pm", "5:30 PM"), ("5:30pm", "5:30 p.m."), ("5:30 P.M.", "5:30 p.m."),
        (r"5:30\text{ p.m.}", "5:30 PM"), ("17:30", "5:30 p.m."), ("5:30 p.m.", "17:30"),
        ("5:30 in the afternoon", "5:30 p.m."), ("5:30 in the evening", "5:30 p.m."),
        ("5:30 in the morning", "5:30 a.m."), ("5:30 this morning", "5:30 a.m."), ("noon", "12:00 p.m."),
        ("12 noon", "12:00 p.m."), ("midnight", "12:00 a.m."), ("noon", "noon"), ("12:00 p.m.", "noon"),
        ("5 o'clock", "5:00"), ("5 o'clock p.m.", "5:00 p.m."), ("5 PM", "5:00 p.m."), ("5pm", "5 p.m."),
        ("05:30", "5:30"), ("5:30", "5:30"), ("5.30 p.m.", "5:30 p.m."), ("下午5:30", "5:30 p.m."),
        ("下午5点30分", "5:30 p.m."), ("上午9点", "9:00 a.m."), ("9点", "9:00"), ("9时30分", "9:30"),
        ("上午9点", "上午9点"), ("下午3点", "下午3:00"), ("5:30 PM EST", "5:30 p.m."),
        ("Monday 5 p.m.", "5 p.m. Monday"), ("5:30:00 pm", "5:30 p.m."),
    ],
    "dates and days": [
        ("June 20", "June 20"), ("June 20th", "June 20"), ("20th June", "June 20"), ("20th of June", "June 20"),
        ("Jun 20", "June 20"), ("Jun. 20", "June 20"), ("June 20, 2020", "June 20, 2020"),
        ("20 June 2020", "June 20, 2020"), ("June 20 2020", "June 20, 2020"), ("6月20日", "June 20"),
        ("6月20日", "6月20日"), ("6月20号", "6月20日"), ("六月二十日", "6月20日"), ("Monday", "Monday"),
        ("monday", "Monday"), ("Mon", "Monday"), ("on Monday", "Monday"), ("Tuesday, June 20", "June 20"),
        ("星期一", "星期一"), ("周一", "星期一"), ("星期一", "Monday"), ("June", "June"), ("june", "June"),
        ("2020-06-20", "2020-06-20"), ("06/20/2020", "06/20/2020"),
    ],
    "directions": [
        ("5 km north", "5 km north"), ("5 km due north", "5 km north"), ("5 km to the north", "5 km north"),
        ("north 5 km", "5 km north"), ("5 km northward", "5 km north"), ("5 km northwards", "5 km north"),
        ("5 km in the north direction", "5 km north"), ("5 km north-east", "5 km northeast"),
        ("5 km north east", "5 km northeast"), (r"5\text{ km north}", "5 km north"), ("5 km up", "5 km upward"),
        ("5 N downward", "5 N downward"), ("5 N downwards", "5 N downward"), ("5 N down", "5 N downward"),
        ("5 rad/s counterclockwise", "5 rad/s counterclockwise"),
        ("5 rad/s counter-clockwise", "5 rad/s counterclockwise"),
        ("5 rad/s anticlockwise", "5 rad/s counterclockwise"), ("向北5千米", "向北5千米"),
        ("5千米，向北", "5千米，向北"), ("N 30° E", "N 30° E"), ("30° north of east", "30° north of east"),
        ("30° S of W", "30° south of west"), ("north", "north"), ("North", "north"), ("north", "North"),
        ("the north", "north"), ("southwest", "south-west"), ("left", "left"), ("up", "up"), ("向左", "左"),
        ("西", "西"), ("west", "西"),
    ],
    "mixed": [
        ("5 m^2", "5 m^2"), ("5m^2", "5m^2"), (r"5^{\text{2}}", "25"), ("5 tenths", "0.5"), ("5 hundredths", "0.05"),
        ("5 hundredths", r"5\%"), ("half a dozen", "6"), ("a dozen", "12"), ("一百", "100"), ("五百", "500"),
        ("5百", "500"), ("3千克", "3"), ("零下5度", "-5"), ("5 degrees below zero", "-5"), ("-5 degrees", "-5"),
        ("12:00 noon", "noon"), ("12:00", "12:00"), ("noon", "12 p.m."), ("midnight", "12 a.m."),
        ("24:00", "midnight"), ("00:00", "midnight"), ("0:00", "12:00 a.m."), ("5月6日", "May 6"),
        ("May 6th", "5月6日"), ("2020年5月6日", "May 6, 2020"), ("May 6, 2020", "May 6"), ("May 6", "6 May"),
        ("周日", "Sunday"), ("星期天", "周日"), ("Thursday", "Thurs"), ("Thu", "Thursday"), ("the north", "North"),
        ("北", "north"), ("向北", "north"), ("东北方向", "northeast"), ("north-east", "northeast"),
        ("North East", "northeast"), ("left", "to the left"), ("4 m/s^2 downward", "4 m/s^2 downwards"),
        ("30° south of west", r"30^\circ\text{ S of W}"), ("3.5 bn", "3.5 billion"), ("2 lakh", "200000"),
        ("about 5", "5"), ("around 5 km", "5"), ("大约5", "5"), ("约5米", "5"),
        (r"approximately 3.5\times 10^2", "350"),
    ],
}  # fmt: skip
WRONG = {
    "units and their powers": [
        ("4 cm²", "16"), ("4 cm^2", "16"), (r"4\,\mathrm{cm^2}", "16"), (r"4 \text{ m/s}^2", "16"),
        (r"4 \frac{\text{m}}{\text{s}^2}", "16"), ("4 m²", "16"), ("4 ㎡", "16"), ("4平方米", "16"), ("4米²", "16"),
        ("2立方米", "8"), ("2 m³", "8"), ("4 kg m^2", "16"), ("4 units squared", "16"), ("4 meters squared", "16"),
        ("4 squared meters", "4"), ("4 cubed", "4"), ("4 s^{-1}", "0.25"), ("4/hour", "0.25"), ("4 m^2", "4x"),
        ("4m", "4x"), ("10^2 cm", "10"), ("10^{2} cm", "102"), ("4^2 cm", "4"), (r"4^2\text{ cm}", "4"), ("4²", "4"),
        ("4² cm", "4"), (r"4^{2}\text{ cm}^2", "4"), ("4 cm + 3 cm", "4"), ("4 cm or 5 cm", "4"),
        ("4 cm by 5 cm", "4"), ("4 cm × 5 cm", "4"), ("4 to 5 cm", "4"), ("4-5 cm", "4"), ("4–5 cm", "5"),
        ("between 4 and 5 cm", "5"), ("4 cm to 5 cm", "5"), ("4 cm per 5 s", "4"), ("4 per 5", "4"), ("4 in 5", "4"),
        ("4x cm", "4"), ("x cm", "4"), ("cm", "4"), ("4 cm^2", "8"), ("4 cm", "40"), ("4 km", "4000"),
        ("4 kΩ", "4000"), ("4 hundred cm", "4"), ("4%", "400"), ("4¢", "400"), ("$4", "400"), ("4 cents", "0.4"),
        ("4e", "4"), ("4i cm", "4"), (r"4\pi cm", "4"), ("-4 cm", "4"), ("4 cm", "-4"), ("4! cm", "4"), ("4!", "4"),
        ("√4 cm", "4"), ("4/5 cm", "4"), ("4 1/2 cm", "4"), ("4½ cm", "4"), ("4.5 cm", "4"), ("4,5 cm", "4"),
        ("4 or more cm", "4"), ("less than 4 cm", "4"), ("< 4 cm", "4"), ("4 cm more than 5", "4"),
        ("4 times as long", "4"), ("4 times", "8"), ("4 thousand cm", "4"),
    ],
    "scale words": [
        ("3 million", "3 billion"), ("3 billion", "3 million"), ("3 million", "3"), ("3", "3 million"),
        ("3", "3000000"), ("3 thousand", "3 million"), ("3 million", "3000"), ("3 hundred", "3"),
        ("3 hundred", "3 thousand"), ("3 trillion", "3 billion"), ("3 lakh", "3"), ("3 crore", "3 million"),
        ("300万", "300"), ("3亿", "3万"), ("3万", "3亿"), ("3亿", "3"), ("3千", "3"), ("3百", "3"),
        ("3 thousandths", "3"), ("3 thousandths", "3000"), ("3 hundredths", "3"), ("3 hundredths", "300"),
        ("3 tenths", "3"), ("3 millionths", "3000000"), ("three million", "3"), ("three million", "three billion"),
        ("half a million", "0.5"), ("half a million", "1000000"), ("3.2 million", "3.2"),
        ("3.2 million", "3.2 billion"), ("30 million", "3 million"), ("3 million", "3 thousand"),
        (r"3\text{ thousand}", r"3\text{ million}"), ("3M", "3"), ("3B", "3"), ("3k", "3"), ("3 bn", "3"),
        ("3 pairs", "6"), ("a few million", "1000000"), ("several million", "1000000"), ("millions", "1000000"),
        ("3 million or 4 million", "3 million"), ("3-4 million", "4 million"), ("3 and 4 million", "4 million"),
    ],
    "times of day": [
        ("5:30 a.m.", "5:30 p.m."), ("5:30 AM", "5:30 PM"), ("5:30am", "5:30pm"),
        (r"5:30\text{ a.m.}", r"5:30\text{ p.m.}"), ("5 a.m.", "5 p.m."), ("5am", "5:00 p.m."),
        ("17:30", "5:30 a.m."), ("5:30 a.m.", "17:30"), ("5:30 in the morning", "5:30 p.m."),
        ("5:30 in the evening", "5:30 a.m."), ("midnight", "noon"), ("midnight", "12:00 p.m."),
        ("12:00 a.m.", "12:00 p.m."), ("noon", "12:00 a.m."), ("noon", "midnight"), ("上午5:30", "5:30 p.m."),
        ("上午5:30", "下午5:30"), ("下午3点", "上午3点"), ("凌晨3点", "下午3点"), ("5:30", "5:31"),
        ("5:30 p.m.", "6:30 p.m."), ("5:30 p.m.", "5:03 p.m."), ("5.5", "5:30 p.m."), ("5", "5:30 p.m."),
        ("30", "5:30"), ("530", "5:30"), ("5:30 Monday", "5:30 Tuesday"), ("5:30 to 6:30 p.m.", "6:30 p.m."),
        ("5 minutes", "5 p.m."), ("5 days", "5 p.m."),
    ],
    "dates and days": [
        ("June 20", "July 20"), ("20 June", "20 July"), ("Jun 20", "Jul 20"), ("June 20", "June 21"),
        ("20", "June 20"), ("6月20日", "7月20日"), ("6月20日", "6月21日"), ("6月20日", "July 20"),
        ("June 20, 2020", "June 20, 2021"), ("June 2020", "June 2021"), ("June", "July"), ("Monday", "Tuesday"),
        ("Mon", "Tuesday"), ("星期一", "星期二"), ("周一", "周二"), ("星期一", "Tuesday"),
        ("Monday, June 20", "Tuesday, June 20"), ("May 5", "March 5"), ("Mar 5", "May 5"),
        ("2020-06-20", "2020-07-20"), ("06/20/2020", "07/20/2020"), ("1/2", "January 2"),
        ("June 20 or 21", "June 20"),
    ],
    "directions": [
        ("5 km south", "5 km north"), ("5 km west", "5 km east"), ("5 km S", "5 km north"),
        ("5 km northwest", "5 km northeast"), ("5 km north-west", "5 km northeast"), ("5 km north", "5 km northeast"),
        ("5 km northeast", "5 km north"), ("5 N up", "5 N down"), ("5 N upward", "5 N downward"),
        ("5 m/s left", "5 m/s right"), ("5 m/s to the left", "5 m/s to the right"),
        ("5 clockwise", "5 counterclockwise"), ("5 rad/s clockwise", "5 rad/s anticlockwise"),
        ("向南5千米", "向北5千米"), ("5千米，向南", "5千米，向北"), ("北偏西30度", "北偏东30°"),
        ("S 30° E", "N 30° E"), ("N 30° W", "N 30° E"), ("30° north of west", "30° north of east"),
        ("30° east of north", "30° north of east"), ("north", "south"), ("east", "west"), ("left", "right"),
        ("up", "down"), ("向左", "向右"), ("东", "西"), ("东", "west"), ("5 km", "5 km north"), ("5", "5 km north"),
        ("inward", "outward"), ("5 N inward", "5 N outward"), ("5 forward", "5 backward"), ("5 m above", "5 m below"),
        ("5 m below", "5 m above"), ("5 degrees below zero", "5"), ("5 m ahead", "5 m behind"),
    ],
    "mixed": [
        ("5", "5m^2"), ("5", "5m"), ("5", "5 m^2"), ("5", "5x^2"), ("3", "3m^2"), ("5", "5in"), ("5m", "5m^2"),
        ("5", "5a"), ("4", "4 cm^2"), ("5", "5s"), ("5", "5 h"), ("3", "3g"), ("12", "12 V"), ("5", "5t"),
        ("5 apples", "5 t"), ("5", "5K"), ("2", "2mc^2"), ("100", "1c"), ("5", "US5"), ("5", "5US"),
        ("-5", "5 below"), ("5", "-5"), ("1000", "1 000 x"), ("5", "around x"), ("about", "5"), ("2", "north"),
        ("5", "5th of May"), ("3", "march 3"), ("sun", "sunday x"), ("5", "mon"), ("june", "july"), ("jun", "jul"),
        ("mar", "may"), ("5", "5 up"), ("1", "up 2"), ("up to 5", "5"), ("5 up to 6", "5"), ("north of 5", "5"),
        ("5 and up", "5"), ("12", "noon"), ("0", "midnight"), ("12:00", "midnight"), ("12:00", "noon"),
        ("10", "10:00"), ("10", "10:30"), ("10.30", "10:30"), ("10.3", "10:30"), ("10:30", "10.3"), ("10:30", "10.5"),
        ("1:2", "0.5"), ("10:30", "1:3"), ("1:3", "10:30"), ("3:40", "3.4"), ("24:00", "12:00"), ("5月", "May 6"),
        ("5月6日", "5月"), ("6月5日", "5月6日"), ("5日", "5月"), ("周五", "周六"), ("五", "周五"), ("周五", "五"),
        ("左", "右"), ("东北", "西北"), ("东", "东北"), ("向东", "向西"), ("north", "northeast"), (r"5\%", "5 bn"),
        ("5 hundredth", "500"), ("5 hundredths", r"5\%x"), ("5 tenths", "5"), ("5 tenths", "50"), ("ten", "tenth"),
        ("1 tenth", "10"), ("a million", "1"), ("half a dozen", "12"), ("half a dozen", "0.5"), ("two dozen", "2"),
        ("a dozen", "1"), ("a couple", "2x"), ("2 million", "2 lakh"), ("5百", "5"), ("5百分", "500"), ("一百", "1"),
        ("百分之五", "500"), ("5百万", "500"), ("五百", "5"), ("3千克", "3000"), ("零下5度", "5"), ("5度", "-5"),
        ("-5 degrees below", "5"), ("4 m**3", "64"), ("4 m2", "16"), ("4 m2", "42"), ("4 x2", "42"), ("4 b3", "4"),
        ("x m2", "4"), (r"4 \frac{m}{s}", r"4\frac{m}{s}x"), (r"4\frac{x}{y}", "4"), (r"4\frac{1}{2}", "4"),
        (r"4\frac{a}{b}", "4"), ("4/x", "4"), ("4/5", "4"), ("4/half", "4"), ("4/hour", "1/4"),
        (r"5 \text{ m}^{\text{2}}", "25"), (r"5^{\text{2}}", "5"), (r"5^{\text{2}}", "5 "), (r"5^{\text{nd}}", "25"),
    ],
}  # fmt: skip

SENTENCES = [
    ("So the area is 4 cm².", "4", True), ("The area is 4 cm^2.", "4", True), ("面积是4平方厘米。", "4", True),
    (r"所以面积为 $4\text{ cm}^2$。", "4", True), ("The train leaves at 5:30 p.m.", "5:30 p.m.", True),
    ("The answer is 5:30 in the afternoon.", "5:30 p.m.", True), ("答案：下午5:30", "5:30 p.m.", True),
    ("He arrived on June 20th.\n\nAnswer: June 20th", "June 20", True),
    ("The population is 3 million.", "3 million", True), ("The population is 3 million.", "3000000", True),
    ("人口是300万。", "3000000", True), ("The velocity is **5 m/s east**.", "5 m/s east", True),
    ("答：5月6日", "May 6", True), (r"最终答案：\boxed{周五}", "Friday", True),
    ("The answer is Friday.", "Friday", True), ("It happens on a Friday.\n\n**Friday**", "Friday", True),
    ("The area is 4 cm^2.", "16", False), ("面积是4平方厘米。", "16", False),
    ("The answer is 5:30 a.m.", "5:30 p.m.", False), ("答案：上午5:30", "5:30 p.m.", False),
    ("Answer: July 20th", "June 20", False), ("The population is 3 billion.", "3 million", False),
    ("人口是3亿。", "3", False), ("人口是300万。", "300", False),
    ("The velocity is **5 m/s west**.", "5 m/s east", False), ("答：5月6日", "June 6", False),
    ("The answer is Thursday.", "Friday", False), ("The answer is 3 million or 3 billion", "3 million", False),
    ("It rises by 4%", "400", False), ("It is 5 degrees below zero.", "5", False), ("零下5度", "5", False),
    ("答案是零下5度", "5", False), ("It leaves at 5:30 p.m.", "30", False), ("It leaves at 5:30.", "30", False),
    ("It leaves at 5:30.", "5", False), ("It leaves at 5:30.", "5:30", True), ("So the ratio is 3:4.", "4", False),
    ("So the ratio is 3:4.", "3", False), ("So the ratio is 3:4.", "3:4", True), ("so the total is:5", "5", True),
    ("Total:5", "5", True), ("答案：5", "5", True), ("So 3:4:5", "5", False),
    ("the score was 3-2, total 5", "5", True), ("The area is 4 m^2", "4", True), ("x is 4 y^2", "4", False),
    ("It is 4 cm^2", "16", False), ("The volume is 4 m³.", "4", True), ("The answer to 2:30 is 5", "5", True),
]  # fmt: skip
"""Whole texts without a box."""


def verdict(answer, gold):
    return grade(rf"Some reasoning with 17. The final answer is \boxed{{{answer}}}.", Gold("math", (gold,))).correct


@pytest.mark.parametrize(("answer", "gold"), [row for rows in RIGHT.values() for row in rows])
def test_what_the_gold_names_is_found_in_any_spelling(answer, gold):
    assert verdict(answer, gold) is True


@pytest.mark.parametrize(("answer", "gold"), [row for rows in WRONG.values() for row in rows])
def test_another_power_scale_half_day_month_or_direction_is_wrong(answer, gold):
    assert verdict(answer, gold) is False


@pytest.mark.parametrize(("text", "gold", "right"), SENTENCES)
def test_sentences_are_read_alike(text, gold, right):
    assert grade(text, Gold("math", (gold,))).correct is right
